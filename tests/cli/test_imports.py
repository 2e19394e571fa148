"""Commands that do not load torch, checked by the imports of a separate process."""

import json

import pytest

from aae._version import __version__
from helpers.runs import python

COMMAND = """
import json, sys
from aae.cli.app import main
sys.argv = ["aae", *sys.argv[1:]]
try:
    main()
except SystemExit as stop:
    heavy = [name for name in ("torch", "numpy", "matplotlib", "sklearn", "lightning_fabric") if name in sys.modules]
    print(json.dumps([stop.code or 0, heavy]))
"""


def test_importing_the_package_and_its_command_line_loads_nothing_heavy():
    done = python("import aae, aae.cli, sys; print('torch' in sys.modules, 'numpy' in sys.modules, aae.__version__)")
    assert (done.stdout, done.stderr) == (f"False False {__version__}\n", "")


@pytest.mark.parametrize(("words", "code", "sentence"), [
    (["--help"], 0, "Usage: aae"),
    (["train", "--help"], 0, "--checkpoint-every"),
    (["--version"], 0, "."),
    (["presets"], 0, "semi-supervised"),
    (["presets", "aae"], 0, "prior_std=5.0"),
    (["presets", "vea"], 2, "did you mean 'vae'"),
    (["train", "vea"], 2, "did you mean 'vae'"),
    (["train", "vae", "--set", "droput=0.1"], 2, "did you mean 'dropout'"),
    (["train", "vae", "--set", "z=two"], 2, "takes a whole number"),
    (["train", "vae", "--stepz", "2"], 2, "No such option"),
    (["train", "vae", "--steps", "two"], 2, "valid integer"),
    (["train", "vae", "--resume"], 2, "name it with --out"),
    (["train", "vae", "--resume", "--out", "run", "--seed", "3"], 2, "drop --seed"),
    (["train"], 2, "Missing argument"),
    (["explore", "run", "--rows", "0", "--out", "page.html"], 2, "A page shows 1 to 20,000 rows, not 0"),
    (["explore", "run", "--out", "page.png"], 2, "page.png should end in .html or .htm"),
    (["suggest", "photos", "--n", "0", "--out", "next.csv"], 2, "Invalid value for '--n'"),
    (["suggest", "photos", "--n", "2", "--out", "next.txt"], 2, "next.txt should end in .csv"),
    (["nonsense"], 2, "No such command"),
    (["bench", "vea"], 2, "did you mean 'vae'"),
])
def test_a_quick_answer(words, code, sentence):
    done = python(COMMAND, *words)
    *text, last = done.stdout.splitlines()
    assert json.loads(last) == [code, []]
    assert sentence in "\n".join(text) + done.stderr
    assert (done.stderr == "") == (code == 0)


def test_every_public_name_is_there():
    done = python("import aae; print(len([getattr(aae, name) for name in aae.__all__]))")
    assert (int(done.stdout) > 40, done.stderr) == (True, "")
