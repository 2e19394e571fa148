"""The errors a user can cause, and the wording they share."""

import difflib
import unicodedata
from collections.abc import Iterable

__all__ = [
    "AAEError",
    "DivergenceError",
    "LostProcessError",
    "UsageError",
    "check_counts",
    "check_share",
    "counted",
    "first_line",
    "printable",
    "unknown",
]

MAX_LISTED = 40  # names
FEW = 20  # names that are listed although one is suggested
CLOSE = 0.6  # of the letters that a suggested name shares with the given one


class AAEError(ValueError):
    """Something the user can correct; the message says what, where and how.

    In a training of several processes, ``alone`` says whether only this process knows of the error.
    """

    alone: bool | None = None


class DivergenceError(AAEError):
    """A loss or weight became NaN or infinite, or the code collapsed."""

    alone = False  # all processes have the same losses


class LostProcessError(AAEError):
    """Another process of the same training is gone."""

    alone = True


class UsageError(AAEError):
    """A name or value that no command accepts, whatever the data; exit code 2."""


def printable(text: str) -> str:
    """The text with its control characters replaced, which could steer a terminal; line ends and tabs stay."""
    control = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs")} - set("\n\t")
    return text.translate(dict.fromkeys(map(ord, control), "\N{REPLACEMENT CHARACTER}"))


def counted(count: int, noun: str) -> str:
    """A number with its noun: ``1 image``, ``2 images``."""
    return f"{count} {noun}{'s' * (count != 1)}"


def first_line(error: BaseException) -> str:
    """The first line of a library's error message, at most 200 characters; the error's type if it is empty."""
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Build the error for an unknown name; it suggests the most similar known one, or lists all.

    Args:
        kind: What the name stands for, such as ``"preset"``.
        name: The unknown name.
        known: All known names.

    Example:
        >>> unknown("preset", "vea", ["vae", "aae"])
        UsageError("There is no preset 'vea'; did you mean 'vae'? Known: aae, vae.")
    """
    names = sorted(known)
    matches = difflib.get_close_matches(name, names, n=1, cutoff=CLOSE)
    hint = f"; did you mean {matches[0]!r}?" if matches else "."
    listed = f" Known: {', '.join(names[:MAX_LISTED])}{', ...' if len(names) > MAX_LISTED else '.'}"
    return UsageError(f"There is no {kind} {name!r}{hint}{'' if matches and len(names) > FEW else listed}")


def check_counts(owner: str, **counts: object) -> None:
    """Check that numbers of things are whole and above zero.

    Args:
        owner: What has them, for the error.
        **counts: The numbers, by the names of the arguments.

    Raises:
        AAEError: One is not.
    """
    for name, value in counts.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise AAEError(f"{owner}: {name} must be a whole number of at least 1, not {value!r}.")


def check_share(owner: str, **shares: object) -> None:
    """Check that numbers are from 0 to 1.

    Args:
        owner: What has them, for the error.
        **shares: The numbers, by the names of the arguments.

    Raises:
        AAEError: One is not.
    """
    for name, value in shares.items():
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            raise AAEError(f"{owner}: {name} must be a number from 0 to 1, not {value!r}.")
