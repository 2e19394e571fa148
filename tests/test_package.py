"""What the package says of itself in several files is the same in all of them."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import aae
from aae._version import __version__
from aae.cli.app import main
from aae.presets.options import RENAMED
from aae.system.renaming import old_arguments

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_the_version_is_in_one_place():
    assert "version" not in PROJECT["project"]
    assert PROJECT["project"]["dynamic"] == ["version"]
    source = ROOT / PROJECT["tool"]["hatch"]["version"]["path"]
    assert re.findall(r'__version__ = "(.+)"', source.read_text("utf-8")) == [__version__]


def test_the_citation_has_the_version():
    assert re.findall(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.MULTILINE) == [__version__]


def test_the_changelog_begins_with_the_version():
    """Its newest section is either the version, or unreleased and says which version it will be."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    heading, rest = re.search(r"^## \[(.+?)\].*\n+(.*)", text, re.MULTILINE).groups()
    assert __version__ == heading or (heading, rest) == ("Unreleased", f"This will be version {__version__}.")


@pytest.mark.parametrize("name", ["aae", PROJECT["project"]["name"]])
def test_both_commands_are_the_same(name):
    target = PROJECT["project"]["scripts"][name]
    assert metadata.EntryPoint(name, target, "console_scripts").load() is main


def test_the_extra_all_has_every_extra():
    extras = PROJECT["project"]["optional-dependencies"]
    (everything,) = extras["all"]
    name, listed = re.fullmatch(r"(.+)\[(.+)\]", everything).groups()
    assert name == PROJECT["project"]["name"]
    assert sorted(listed.split(",")) == sorted(extras.keys() - {"all"})


def test_messages_install_extras_that_exist():
    found = {match for path in (ROOT / "src").rglob("*.py")
             for match in re.findall(r"'([\w-]+)\[(\w+)\]'", path.read_text("utf-8").replace('"\n', ""))}  # fmt: skip
    assert {name for name, _ in found} == {PROJECT["project"]["name"]}
    assert {extra for _, extra in found} <= PROJECT["project"]["optional-dependencies"].keys()


def test_the_constraints_pin_what_is_required():
    """Every dependency, of every extra and group, has one pinned version, and it is one that is allowed."""
    lines = [line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    pins = {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}
    groups = PROJECT["project"]["optional-dependencies"] | PROJECT["dependency-groups"]
    required = [Requirement(text) for group in groups.values() for text in group if isinstance(text, str)]
    required += [Requirement(text) for text in PROJECT["project"]["dependencies"]]
    assert len(pins) == len(lines)
    for each in required:
        if each.name != PROJECT["project"]["name"]:
            assert pins[canonicalize_name(each.name)] in each.specifier, each


def test_the_changelog_has_every_old_name():
    """The first table of the changelog has a row for each old name that still works, with the current one beside it."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    rows = re.findall(r"^\| (.+) \| (.+) \|$", text.partition("### Added")[0], re.MULTILINE)
    names = [set(RENAMED.items()), set(aae._RENAMED.items())]
    names += [set(old_arguments(cls).items()) for cls in (aae.Settings, aae.Adversarial, aae.NeighbourTargets)]
    for old, new in set.union(*names):
        assert any(re.search(rf"\b{old}\b", before) and re.search(rf"\b{new}\b", now) for before, now in rows), old
