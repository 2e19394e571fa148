"""Names as a plot can show them: on one line, short, all different, and in characters that a font has."""

from collections import Counter
from collections.abc import Sequence

from aae.report.plots.fonts import lacking
from aae.system.errors import printable

__all__ = ["class_names", "drawable", "numbered_classes", "shorten"]


def drawable(text: str) -> str:
    """A text with the characters replaced that cannot be drawn."""
    text = printable(text)
    return text.translate(dict.fromkeys(map(ord, lacking(text)), "\N{REPLACEMENT CHARACTER}"))


def class_names(classes: Sequence[str | int | float] | None, count: int, length: int = 24) -> list[str]:
    """Names of ``count`` classes or clusters for a plot, each of ``length`` characters at most and all different.

    Unnamed ones are numbered, and so are those whose names no font can write (`numbered_classes`).
    """
    names = list(map(_one_line, (classes or [])[:count]))
    names = [f"class {k}" if lacking(name) else name for k, name in enumerate(names)]
    return shorten([*names, *(str(k) for k in range(len(names), count))], length)


def numbered_classes(classes: Sequence[str | int | float] | None) -> dict[str, str]:
    """What the plots call the classes whose names no font can write: ``{"class 3": name}``."""
    names = enumerate(map(_one_line, classes or []))
    return {f"class {k}": name for k, name in names if lacking(name)}


def _one_line(name: object) -> str:
    return " ".join(printable(str(name)).split())


def shorten(names: Sequence[str], length: int) -> list[str]:
    """Names cut to a length; those that would be the same keep both ends or get their number.

    Example:
        >>> shorten(["a long name, first", "a long name, second", "short"], 12)
        ['a lon…first', 'a lon…econd', 'short']
    """
    short = [name if len(name) <= length else f"{name[: length - 1]}…" for name in names]
    same = _repeated(short)
    short = [_ends(name, length) if k in same and len(name) > length else short[k] for k, name in enumerate(names)]
    same = _repeated(short)
    short = [_with_number(text, k, length) if k in same else text for k, text in enumerate(short)]
    if _repeated(short):  # a name looks like one with a number
        short = [_with_number(text, k, length) for k, text in enumerate(short)]
    return short


def _repeated(names: Sequence[str]) -> set[int]:
    """Places of the names that occur more than once."""
    counts = Counter(names)
    return {k for k, name in enumerate(names) if counts[name] > 1}


def _ends(name: str, length: int) -> str:
    half = (length - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def _with_number(text: str, number: int, length: int) -> str:
    suffix = f" ({number})"
    return text[: length - len(suffix)].rstrip() + suffix
