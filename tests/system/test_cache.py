import platformdirs
import pytest

from aae.system import cache
from aae.system.cache import cache_folder
from aae.system.errors import AAEError


@pytest.fixture(autouse=True)
def fresh():
    cache._writable.cache_clear()


def no_home(*_):
    raise RuntimeError("could not determine the home directory")


def test_the_users_cache_is_made_if_it_is_not_there(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / "home" / name))
    assert cache_folder() == tmp_path / "home" / "aae"
    assert not list(cache_folder().iterdir())
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("place", "reason"), [
    (no_home, "there is no home folder"),  # as newer versions of platformdirs say it
    (lambda name: "~/.cache/aae", "there is no home folder"),  # as older ones do: a folder called "~"
    (lambda name: "/proc/nowhere/aae", "/proc/nowhere/aae cannot be written"),
    (lambda name: f"{__file__}/aae", f"{__file__}/aae cannot be written"),
])
def test_without_a_cache_a_temporary_folder_takes_its_place_and_it_is_said_once(
    place, reason, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(platformdirs, "user_cache_dir", place)
    folder = cache_folder()
    (folder / "file").write_text("")
    assert cache_folder() == folder
    assert not list(tmp_path.iterdir())
    said = capsys.readouterr().err
    assert said.startswith(f"The cache is not kept, because {reason}")
    assert said.count("\n") == 1


def test_no_place_at_all(monkeypatch):
    def nowhere(*_, **__):
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(platformdirs, "user_cache_dir", no_home)
    monkeypatch.setattr(cache.tempfile, "TemporaryDirectory", nowhere)
    with pytest.raises(AAEError, match="There is no place for a cache: there is no home folder; set XDG_CACHE_HOME"):
        cache_folder()
