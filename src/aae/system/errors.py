"""The errors a user can cause, and the wording they share."""

import difflib
import math
import unicodedata
from collections.abc import Iterable
from numbers import Integral, Real

__all__ = [
    "AAEError",
    "DivergenceError",
    "LostProcessError",
    "UsageError",
    "check_counts",
    "check_number",
    "check_share",
    "counted",
    "first_line",
    "kind_of",
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


def kind_of(value: object) -> str:
    """What a value is, for an error: ``the class Point`` or ``dict``."""
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def unknown(kind: str, name: object, known: Iterable[str]) -> UsageError:
    """Build the error for an unknown name; it suggests the most similar known one, or lists all.

    Args:
        kind: What the name stands for, such as ``"preset"``.
        name: The unknown name, or what was given in place of a name.
        known: All known names.

    Example:
        >>> unknown("preset", "vea", ["vae", "aae"])
        UsageError("There is no preset 'vea'; did you mean 'vae'? Known: aae, vae.")
    """
    names = sorted(known)
    matches = difflib.get_close_matches(name, names, n=1, cutoff=CLOSE) if isinstance(name, str) else []
    hint = f"; did you mean {matches[0]!r}?" if matches else "."
    listed = f" Known: {', '.join(names[:MAX_LISTED])}{', ...' if len(names) > MAX_LISTED else '.'}"
    return UsageError(f"There is no {kind} {name!r}{hint}{'' if matches and len(names) > FEW else listed}")


def check_number(
    name: str, value: object, least: float = 0, below: float = math.inf, *, whole: bool = False, above: bool = False
) -> None:
    """Check that a value is a number from ``least`` to below ``below``; numpy's numbers count, true and false do not.

    Args:
        name: What it is, for the error.
        value: The value.
        least: The smallest number that is allowed.
        below: The first number that is too large; infinity is always too large.
        whole: Only whole numbers are allowed.
        above: ``least`` itself is not allowed.

    Raises:
        AAEError: It is no such number.
    """
    is_number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    if is_number and (least < value if above else least <= value) and value < below:  # type: ignore[operator]
        return
    start = f"above {least or 'zero'}" if above else f"of at least {least}" if below == math.inf else f"from {least}"
    end = "" if below == math.inf else f" to below {below}"
    raise AAEError(f"{name} must be {'a whole number' if whole else 'a number'} {start}{end}, not {value!r:.60}.")


def check_counts(owner: str, **counts: object) -> None:
    """Check that numbers of things are whole and above zero.

    Args:
        owner: What has them, for the error.
        **counts: The numbers, by the names of the arguments.

    Raises:
        AAEError: One is not.
    """
    for name, value in counts.items():
        check_number(f"{owner}: {name}", value, 1, whole=True)


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
