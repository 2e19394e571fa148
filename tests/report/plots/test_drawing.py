import itertools
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from aae.model.priors import GaussianPrior
from aae.report import plots
from aae.report.plots.drawing import MARKERS, PALETTE, STYLE, colours, marker
from aae.report.plots.latents import NO_LABEL
from aae.system.errors import AAEError
from helpers.figures import IMAGE


def in_oklab(colour: str, sight: np.ndarray) -> np.ndarray:
    linear = np.array([c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgba(colour)[:3]])
    cones = np.cbrt(np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]])
                    @ (sight @ linear).clip(0, 1))
    return 100 * np.array([[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]) @ cones


SIGHTS = [
    np.eye(3),
    np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]),  # red-blind, Machado et al.
    np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]),  # green-blind
]


@pytest.mark.parametrize("sight", SIGHTS, ids=["all", "no red", "no green"])
def test_class_colours_stay_apart(sight):
    seen = [in_oklab(colour, sight) for colour in PALETTE]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 15


@pytest.mark.parametrize("sight", SIGHTS, ids=["all", "no red", "no green"])
def test_bars_and_rows_without_a_label_stay_apart_from_the_rest(sight):
    bars = [in_oklab(STYLE[name], sight) for name in ("first", "second", "rest")]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(bars, 2)) > 15
    # Some classes look nearly grey to some readers: rows without a label have another marker too.
    assert min(np.linalg.norm(in_oklab(colour, sight) - bars[2]) for colour in PALETTE) > 8
    assert NO_LABEL not in MARKERS


def test_a_hundred_classes_have_a_colour_and_marker_of_their_own():
    assert len({*zip(colours(100), map(marker, range(100)), strict=True)}) == 100


@pytest.mark.parametrize(("suffix", "magic"), [(".png", b"\x89PNG"), (".PNG", b"\x89PNG"), (".svg", b"<?xml"),
                                               (".pdf", b"%PDF")])
def test_save_writes_the_format_of_the_ending(tmp_path, suffix, magic):
    path = plots.save(plots.samples(np.zeros((2, *IMAGE))), tmp_path / f"picture{suffix}")
    assert path.read_bytes().startswith(magic)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_png_is_the_same_every_time_and_names_no_host():
    first, second = (plots.png(plots.latent_map(np.eye(2), prior=GaussianPrior(2))) for _ in range(2))
    assert first == second
    assert b"http" not in first


def test_a_failed_save_keeps_the_old_picture(tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    path.write_bytes(b"old")
    figure = plots.samples(np.zeros((2, *IMAGE)))

    def broken(file, **_):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figure, "savefig", broken)
    with pytest.raises(AAEError, match="No space left"):
        plots.save(figure, path)
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_save_errors(tmp_path):
    figure = plots.samples(np.zeros((1, *IMAGE)))
    with pytest.raises(AAEError, match=r"\.png, \.svg, \.pdf"):
        plots.save(figure, tmp_path / "picture.jpg")
    with pytest.raises(AAEError, match="does not exist"):
        plots.save(figure, tmp_path / "absent" / "picture.png")


def test_pyplot_is_never_loaded():
    code = ("import sys, numpy as np; from aae.report import plots; plots.png(plots.latent_map(np.eye(2))); "
            "sys.exit('matplotlib.pyplot' in sys.modules)")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
