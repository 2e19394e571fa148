"""The errors a user can cause, and the wording they share."""

import difflib
import unicodedata
from collections.abc import Iterable

__all__ = ["AAEError", "DivergenceError", "LostProcessError", "UsageError", "first_line", "printable", "unknown"]

MOST = 40  # names that are listed


class AAEError(ValueError):
    """Something the user can put right; its text says what, where and how.

    ``alone`` tells, of an error in one of several processes that train together, whether the others know of it.
    """

    alone: bool | None = None


class DivergenceError(AAEError):
    """A loss or weight is no number any more."""

    alone = False  # all processes have the same losses


class LostProcessError(AAEError):
    """Another process of the same training is gone."""

    alone = True


class UsageError(AAEError):
    """A name or value that no command accepts, whatever the data; exit code 2."""


def printable(text: str) -> str:
    """Text whose control characters, which could steer a terminal, are replaced; line ends and tabs stay."""
    steering = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs")} - set("\n\t")
    return text.translate(dict.fromkeys(map(ord, steering), "\N{REPLACEMENT CHARACTER}"))


def first_line(error: BaseException) -> str:
    """What a library says went wrong, short enough for a sentence of ours; its kind if it says nothing."""
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__


def unknown(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Build the error for a name that does not exist, with the nearest one that does.

    Args:
        kind: What the name was meant to be, such as ``"preset"``.
        name: The name as it was given.
        known: Every name that would have been accepted.

    Example:
        >>> unknown("preset", "vea", ["vae", "aae"])
        UsageError("There is no preset 'vea'; did you mean 'vae'? Known: aae, vae.")
    """
    names = sorted(known)
    some = ", ".join(names[:MOST]) + (", ..." if len(names) > MOST else "")
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return UsageError(f"There is no {kind} {name!r}{hint} Known: {some}.")
