"""The Chinese pages say what the English ones say: the same headings, code, commands, figures and links."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ZH, EN = ROOT / "docs" / "zh", ROOT / "docs"
PAIRS = {ROOT / "README.md": ROOT / "README.zh.md", **{EN / p.relative_to(ZH): p for p in sorted(ZH.rglob("*.md"))}}
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def code(text):
    """Blocks of code, options and tables of contents without their comments."""
    return [re.sub(r"[ ]*#.*", "", block) for block in FENCE.findall(text)]


def prose(text):
    return FENCE.sub("", text)


def headings(text):
    return re.findall(r"^#+(?= )", prose(text), re.MULTILINE)


def figures(text):
    """How often each number occurs, in prose, tables and comments."""
    return Counter(re.findall(r"\d+(?:[.,]\d+)*", LINK.sub("]", text)))


def commands(text):
    """Whatever is set as code within a sentence: commands, options and names."""
    return Counter(" ".join(found.split()) for found in re.findall(r"`[^`]+`", prose(text)))


def formulas(text):
    return Counter(" ".join(found.split()) for found in re.findall(r"\$\$[^$]+\$\$|\$[^$]+\$", prose(text)))


def targets(path, text):
    """What the links of a page lead to, without the link to the other language."""
    names = LINK.findall(re.sub(r"^\[(中文|English)\].*", "", text, flags=re.MULTILINE))
    return [name if "://" in name else (path.parent / name).resolve() for name in names]


def links(path, text):
    """Where links lead; the Chinese page counts as the English one."""
    english = {chinese: page for page, chinese in PAIRS.items()}
    return Counter(str(english.get(target, target)) for target in targets(path, text))


def differences(english, chinese):
    """Which of these two pages' parts differ, each a path and a text."""
    parts = {part.__name__: part for part in (headings, code, figures, commands, formulas)}
    found = {name: (part(english[1]), part(chinese[1])) for name, part in parts.items()}
    found["links"] = links(*english), links(*chinese)
    return {name: both for name, both in found.items() if both[0] != both[1]}


def read(path):
    return path, path.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAIRS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_both_languages_say_the_same(page):
    assert differences(read(page), read(PAIRS[page])) == {}


def test_links_stay_in_chinese():
    """Where there is a Chinese page."""
    assert {page: found for page in PAIRS.values() if (found := PAIRS.keys() & set(targets(*read(page))))} == {}


def test_every_chapter_is_translated_and_linked():
    assert {path.name for path in (EN / "learn").glob("*.md")} == {path.name for path in (ZH / "learn").glob("*.md")}
    for page in (ROOT / "README.md", EN / "learn" / "index.md"):
        for path, other, language in ((page, PAIRS[page], "中文"), (PAIRS[page], page, "English")):
            (name,) = re.findall(rf"^\[{language}\]\((.+)\)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert (path.parent / name).resolve() == other


@pytest.mark.parametrize(("page", "old", "new", "part"), [
    ("README.zh.md", "0.876", "0.867", "figures"),
    ("README.zh.md", "| 23.2 |", "| |", "figures"),
    ("README.zh.md", "make docs", "make doc", "commands"),
    ("README.zh.md", "aae train few-labels  ", "aae train vae  ", "code"),
    ("README.zh.md", "docs/photos.md", "docs/scale.md", "links"),
    ("docs/zh/learn/index.md", "1,797", "1,437", "figures"),
    ("docs/zh/learn/few-labels.md", "94.1", "94.2", "figures"),
    ("docs/zh/learn/few-labels.md", "\n## ", "\n### ", "headings"),
    ("docs/zh/learn/few-labels.md", "max_iter=300", "max_iter=30", "code"),
    ("docs/zh/learn/few-labels.md", "--labels 3000", "--labels 300", "commands"),
    ("docs/zh/learn/adversarial.md", r"\mathcal N(0, 5^2)", r"\mathcal N(0, 2^2)", "formulas"),
    ("docs/zh/learn/variational.md", "(adversarial.md)", "(priors.md)", "links"),
])  # fmt: skip
def test_a_change_is_noticed(page, old, new, part):
    path, text = read(ROOT / page)
    english = next(page for page, chinese in PAIRS.items() if chinese == path)
    assert old in text
    assert part in differences(read(english), (path, text.replace(old, new)))
