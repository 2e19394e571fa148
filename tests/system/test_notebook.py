import sys
from types import ModuleType

import pytest

from aae.system.progress import Bar, say


class Display:
    """Takes the place of IPython's display, and of the handle that it returns."""

    def __init__(self):
        self.shown = []

    def __call__(self, formats, **options):
        self.shown.append(formats)
        return self

    update = __call__


@pytest.fixture
def notebook(monkeypatch):
    """What rich shows in notebooks needs ipywidgets, and it warns where there are none; warnings are errors here."""
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    module = ModuleType("IPython.display")
    module.display = Display()
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))  # which the tests do not install
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return module.display


def test_the_bar_shows_losses_and_goes(notebook):
    with Bar(True) as bar:
        bar.show(0.5, {"reconstruction_loss": 12.0})
    first, half, last = notebook.shown
    assert first == last == {"text/plain": "", "text/html": ""}
    assert half["text/plain"].startswith("50 % rec 12")
    assert 'value="0.500"' in half["text/html"]


def test_texts_are_no_markup(notebook):
    with Bar(True) as bar:
        bar.show(0.5, {"discriminator_loss_<b>": 1.0})
    assert "&lt;b&gt;" in notebook.shown[1]["text/html"]


def test_a_bar_that_is_not_shown_shows_nothing(notebook):
    with Bar(False) as bar:
        bar.show(0.5, {"reconstruction_loss": 12.0})
    assert notebook.shown == []


def test_notes_are_texts(notebook, capsys):
    say("Note: a long sentence")
    with Bar(True) as bar:
        bar.print("another")
    assert notebook.shown[0] == {"text/plain": "Note: a long sentence"}
    assert {"text/plain": "another"} in notebook.shown
    assert capsys.readouterr() == ("", "")
