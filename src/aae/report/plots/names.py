"""Names as a plot can show them: on one line, short, all different, and in characters that its font has."""

from collections import Counter
from collections.abc import Sequence
from functools import cache

from matplotlib.font_manager import FontProperties, findfont, get_font

from aae.system.errors import printable

__all__ = ["class_names", "drawable", "numbered_classes", "shorten"]


@cache
def _characters(fonts: tuple[str, ...]) -> frozenset[int]:
    """The characters that all these fonts have."""
    return frozenset.intersection(*(frozenset(get_font(font).get_charmap()) for font in fonts))


def _lacking(text: str) -> set[str]:
    """Characters of a text that the font of plots lacks; some names are bold."""
    known = _characters(tuple(findfont(FontProperties(weight=weight)) for weight in ("normal", "bold")))
    return {character for character in text if ord(character) not in known and not character.isspace()}


def drawable(text: str) -> str:
    """A text with the characters replaced that cannot be drawn."""
    text = printable(text)
    return text.translate(dict.fromkeys(map(ord, _lacking(text)), "\N{REPLACEMENT CHARACTER}"))


def class_names(classes: Sequence[str | int | float] | None, count: int, length: int = 24) -> list[str]:
    """Names of ``count`` classes or clusters for a plot, each of ``length`` characters at most and all different.

    Unnamed ones are numbered, and so are those whose names the font cannot write (`numbered_classes`).
    """
    names = list(map(_one_line, (classes or [])[:count]))
    names = [f"class {k}" if _lacking(name) else name for k, name in enumerate(names)]
    return shorten([*names, *(str(k) for k in range(len(names), count))], length)


def numbered_classes(classes: Sequence[str | int | float] | None) -> dict[str, str]:
    """What the plots call the classes whose names the font cannot write: ``{"class 3": name}``."""
    names = enumerate(map(_one_line, classes or []))
    return {f"class {k}": name for k, name in names if _lacking(name)}


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
