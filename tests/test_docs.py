"""Every command and snippet of README and docs runs, with short trainings; notebooks run when the site is built."""

import re
import shlex
import shutil
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import aae
from helpers.encoders import image_encoder, text_encoder
from helpers.written import write_picture

ROOT = Path(__file__).parent.parent
NO_PAGES = {"_build", "jupyter_execute", "reference"}
DOCS = sorted(path for path in (ROOT / "docs").rglob("*.md") if NO_PAGES.isdisjoint(path.parts))
PAGES = [ROOT / "README.md", *DOCS]
BLOCK = re.compile(r"^```(console|python)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
CELL = re.compile(r"^```\{code-cell\} ipython3\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What cannot run in a test, and why.
LEFT = {
    "pip ": "needs the network", "hf ": "needs the network", "make ": "sets up an environment",
    "torchrun": "needs several machines", "MASTER_ADDR": "needs several machines", "#!/bin/bash": "needs a scheduler",
    "python benchmarks": "measures for hours",
}  # fmt: skip
DEVICES = re.compile(r"--devices 8|postgresql:")
STEPS = ["--steps", "2"]
SHORT = {"train": [*STEPS, "--no-report"], "suggest": STEPS, "tune": ["--trials", "1", *STEPS]}


def blocks(path, kind):
    found = []
    for language, text in BLOCK.findall(path.read_text(encoding="utf-8")):
        shell = language == "console" or (not language and re.match(r"(\$ )?aae ", text))
        if (shell and kind == "shell") or (language == "python" and kind == "python"):
            found.append(text)
    return found


def commands(path):
    lines = [line.strip() for text in blocks(path, "shell") for line in text.replace("\\\n", " ").splitlines()]
    prompts = [line.removeprefix("$ ") for line in lines if line.startswith(("$ ", "aae "))]
    return [line for line in prompts if not line.startswith(tuple(LEFT)) and not DEVICES.search(line)]


WITH_COMMANDS = {path.relative_to(ROOT).as_posix(): path for path in PAGES if commands(path)}
WITH_PYTHON = {path.relative_to(ROOT).as_posix(): path for path in PAGES if blocks(path, "python")}


@pytest.fixture
def world(tmp_path, monkeypatch):
    """The files that the pages speak of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for folder in ("photos", "scans"):
        for place, count in (("digit-0", 8), ("digit-1", 8), ("unlabelled", 30)):
            for k in range(count):
                image = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                write_picture(tmp_path / folder / place / f"{k}.png", image if folder == "photos" else image[..., 0])
    shutil.copytree("photos/unlabelled", "new")
    shutil.copy("photos/unlabelled/0.png", "new.jpg")
    labels = [f"unlabelled/{k}.png,{'ab'[k % 2]}" for k in range(6)]
    Path("labels.csv").write_text("\n".join(["file,label", *labels]) + "\n")
    kinds = ("benign", "malignant", "", "")
    lines = [f"p{k:03},{20 + k % 50},{'north' if k % 3 else 'south'}" for k in range(80)]
    Path("new.csv").write_text("\n".join(["patient,age,ward", *lines]) + "\n")
    labelled = [f"{line},{kinds[k % 4]}" for k, line in enumerate(lines)]
    Path("patients.csv").write_text("\n".join(["patient,age,ward,diagnosis", *labelled]) + "\n")
    texts = [f"a rather {'good' if k % 2 else 'bad'} film number {k}" for k in range(40)]
    rows = [f"{text},{'yes' if k % 2 else 'no'}" for k, text in enumerate(texts)]
    Path("reviews.csv").write_text("\n".join(["review,liked", *rows]) + "\n")
    for k, text in enumerate(texts):
        Path("texts", "yes" if k % 2 else "no").mkdir(parents=True, exist_ok=True)
        Path("texts", "yes" if k % 2 else "no", f"{k}.txt").write_text(text)
    return tmp_path


def short(words):
    """The command with a length that takes a moment."""
    lengths = {"--steps", "--epochs", "--seconds", "--resume", "--dry-run"}
    settled = lengths & set(words) or words[1].startswith("runs/")
    return words if settled else [*words, *SHORT.get(words[0], [])]


def own_parts(path, world, monkeypatch):
    """The run and the module of a page that defines classes, trains, and says what to do with both."""
    cells = [text.removeprefix("%matplotlib inline\n") for text in CELL.findall(path.read_text(encoding="utf-8"))]
    (world / "my_parts.py").write_text("\n".join(cell for cell in cells if re.search("^class ", cell, re.MULTILINE)))
    monkeypatch.syspath_prepend(world)
    exec(compile("\n".join(cells).replace("steps=1000", "steps=2"), str(path), "exec"), {"__name__": "my_parts"})


@pytest.mark.parametrize("page", WITH_COMMANDS)
def test_commands(page, world, cli, monkeypatch):
    path = WITH_COMMANDS[page]
    if "--components my_parts" in path.read_text(encoding="utf-8"):
        own_parts(path, world, monkeypatch)
    if "--features" in path.read_text(encoding="utf-8"):
        pytest.importorskip("onnxruntime")
        image_encoder(world / "onnx-community" / "dinov2-small")
        text_encoder(world / "minilm")
    for line in commands(path):
        program, *words = shlex.split(line, comments=True)
        assert program == "aae", f"{page}: {line}"
        if "--resume" in words:
            assert cli(*short([word for word in words if word != "--resume"]), "--data", "photos").code == 0
        done = cli(*short(words))
        assert done.code == 0, f"{page}: {line}\n{done.err}"


@pytest.mark.parametrize("page", WITH_PYTHON)
def test_python(page, world, trained, monkeypatch):
    monkeypatch.setattr(aae, "train_preset", partial(aae.train_preset, steps=2, progress=False))
    shutil.copytree(trained("few-labels") / "model", world / "you" / "digits")
    for text in blocks(WITH_PYTHON[page], "python"):
        with warnings.catch_warnings(action="ignore"):  # of empty cells and unseen values, of which the page speaks
            exec(compile(text, page, "exec"), {})


def test_all_pages_are_in_the_site():
    """Each page is in one table of contents, and each link to another page has one at its end."""
    listed = set()
    for path in PAGES[1:]:
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            names = [line for line in tree.splitlines() if line and not line.startswith(":")]
            listed |= {(path.parent / f"{name}.md").resolve() for name in names}
    pages = {path.resolve() for path in PAGES[1:] if path != ROOT / "docs" / "index.md"}
    assert pages == {path for path in listed if path.parent.name != "reference"}
    for path in PAGES:
        for target in re.findall(r"\]\(([^)#:]+\.(?:md|png|cff))[)#]", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists() or target.endswith("commands.md"), f"{path}: {target}"


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_bytes()) < 6000
