"""Fonts of the plots: that of matplotlib, and for what it lacks, such as Chinese, one that is installed."""

import unicodedata
from functools import cache
from typing import Any

from matplotlib import get_cachedir, rcParams
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

from aae.system.progress import say

__all__ = ["font_style", "lacking"]

# Chinese first. Most also have Japanese and Korean; of the collections, older versions of matplotlib see the first font
# alone, which is the Japanese one.
CANDIDATES = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "PingFang SC", "Hiragino Sans GB",
    "Microsoft YaHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "SimHei", "Heiti TC", "Noto Sans CJK JP",
    "Hiragino Sans", "Yu Gothic", "Apple SD Gothic Neo", "Malgun Gothic", "Droid Sans Fallback", "Arial Unicode MS",
)  # fmt: skip


def font_style(text: str) -> dict[str, Any]:
    """Properties of a text of matplotlib, which takes each character from the first family that has it."""
    own = list(rcParams["font.family"])
    if not _missing(text):
        return {"fontfamily": own}
    return {"fontfamily": own + list(_installed()), "fontweight": "normal"}  # many of these fonts have no other weight


def lacking(text: str) -> set[str]:
    """Characters of a text that no font of the plots has."""
    missing = _missing(text)
    found = {c for c in missing if any(ord(c) in _characters(name, "normal") for name in _installed())}
    if not _installed() and any(map(_is_east_asian, missing)):
        _warn()
    return missing - found


def _missing(text: str) -> set[str]:
    """Characters of a text that the font of matplotlib lacks, normal or bold."""
    own = [(_characters(name, "normal"), _characters(name, "bold")) for name in rcParams["font.family"]]
    return {c for c in text if not c.isspace() and not any(ord(c) in light and ord(c) in bold for light, bold in own)}


def _characters(family: str, weight: str) -> frozenset[int]:
    return _characters_of(findfont(FontProperties(family=[family], weight=weight)))


@cache
def _characters_of(file: str) -> frozenset[int]:
    return frozenset(get_font(file).get_charmap())


@cache
def _installed() -> tuple[str, ...]:
    known = {font.name for font in fontManager.ttflist}
    return tuple(name for name in CANDIDATES if name in known)


def _is_east_asian(character: str) -> bool:
    return unicodedata.category(character) == "Lo" and unicodedata.east_asian_width(character) == "W"


@cache  # says it once
def _warn() -> None:
    say("Warning: plots cannot show Chinese, Japanese or Korean, because no font for them is installed; classes with "
        "such names are numbered. Install one (on Debian and Ubuntu: apt install fonts-noto-cjk), then delete "
        f"{get_cachedir()}, where matplotlib keeps its list of fonts.")
