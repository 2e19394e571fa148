import os
import re
import signal
import threading
from contextlib import nullcontext

import pytest

from aae.system.progress import Bar, deferred_interrupts, row_progress, say, sigterm_as_interrupt, spinner


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupt_waits_for_the_end_of_the_block():
    done = []
    before = signal.getsignal(signal.SIGINT)

    def block():
        with deferred_interrupts():
            interrupt()
            interrupt()
            done.append("the rest of the block")

    with pytest.raises(KeyboardInterrupt):
        block()
    assert done
    assert signal.getsignal(signal.SIGINT) is before


def test_without_an_interrupt_nothing_happens():
    before = signal.getsignal(signal.SIGINT)
    with deferred_interrupts():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_an_error_in_the_block_passes():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), deferred_interrupts():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_signals_are_left_alone():
    done = []

    def work():
        with deferred_interrupts():
            done.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done


def test_the_bar_shows_losses_error_and_percentage(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with Bar(True) as bar:
        bar.show(0.3, {"reconstruction_loss": 12.3456, "discriminator_loss_z": 1.386, "validation_error": 4.25})
        bar.show(0.5, {"reconstruction_loss": 11.0, "discriminator_loss_z": 1.2, "discriminator_loss_y": 0.5})
        bar.print("A [word] in brackets.")
    out, err = capsys.readouterr()
    assert out == ""
    for text in ("50%", "rec 11 ", "disc z 1.20 disc y 0.50", "error 4.25 %", "A [word] in brackets."):
        assert text in err


def test_a_bar_beyond_its_end_stays_full(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with Bar(True) as bar:
        bar.show(1.25, {})
    assert "100%" in capsys.readouterr().err


STRANGE = "Reading {0} {task} [red]a[/red] [/b] :dog: caf\udce9"


def test_names_on_a_terminal_are_shown_as_they_are(capsys, monkeypatch):
    """Names of files and classes may look like the formats, the markup or the emoji of the library."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    shown = STRANGE.replace("\udce9", "\N{REPLACEMENT CHARACTER}")
    for show in (say, spinner, lambda text: row_progress(text, 3), show_in_bar, print_above_bar):
        with show(STRANGE) or nullcontext():
            pass
        assert shown in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().err)


def show_in_bar(text):
    with Bar(True) as bar:
        bar.show(0.3, {f"discriminator_loss_{text}": 1.0})


def print_above_bar(text):
    with Bar(True) as bar:
        bar.print(text)


def test_quiet(capsys):
    with Bar(False) as bar:
        bar.show(0.3, {"reconstruction_loss": 1.0})
        bar.print("Nothing.")
    with spinner("Nothing.", show=False), spinner("Nothing on what is no terminal."):
        pass
    assert capsys.readouterr() == ("", "")


def test_the_spinner_shows_text_and_time(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    with spinner("Counting [rows]") as say:
        pass
    with spinner("Counting") as say:
        say("Drawing 3,000 rows")
    out, err = capsys.readouterr()
    assert out == ""
    for text in ("Counting [rows]", "Drawing 3,000 rows", "0:00:00"):
        assert text in err


def test_on_a_narrow_terminal_only_the_error_is_shown(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    with Bar(True) as bar:
        bar.show(
            0.5, {"reconstruction_loss": 1.0, "discriminator_loss_averylongname": 1.0, "validation_error": 4.25}
        )
    err = capsys.readouterr().err
    assert "error 4.25 % rec 1" in err
    assert "averylongname" not in err


def test_sigterm_interrupts_and_is_deferred_like_ctrl_c():
    before = signal.getsignal(signal.SIGTERM)
    with sigterm_as_interrupt():
        with pytest.raises(KeyboardInterrupt) as stop:
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop.value.args == (signal.SIGTERM,)
        done = []
        with pytest.raises(KeyboardInterrupt) as stop, deferred_interrupts():
            done.append(os.kill(os.getpid(), signal.SIGTERM))
        assert done
        assert stop.value.args == (signal.SIGTERM,)
    assert signal.getsignal(signal.SIGTERM) is before


def test_another_handler_is_not_replaced():
    calls = []
    before = signal.signal(signal.SIGTERM, lambda *_: calls.append(True))
    try:
        with sigterm_as_interrupt(), deferred_interrupts():
            os.kill(os.getpid(), signal.SIGTERM)
        assert calls == [True]
    finally:
        signal.signal(signal.SIGTERM, before)
