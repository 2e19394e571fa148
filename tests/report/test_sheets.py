import pytest
from PIL import Image

from aae.report.sheets import reconstruction_sheet, sample_sheet
from aae.system.errors import AAEError, UsageError

SHEETS = {
    "reconstructions": lambda run, out: reconstruction_sheet(run, "digits", out),
    "samples": lambda run, out: sample_sheet(run, 5, None, 0, out),
}


@pytest.mark.parametrize(("kind", "message"), [("reconstructions", "20 reconstructions"), ("samples", "5 samples")])
def test_a_sheet_is_a_picture(trained, tmp_path, kind, message):
    out = tmp_path / "sheet.png"
    assert SHEETS[kind](trained("vae"), out) == f"{message}: {out}"
    with Image.open(out) as picture:
        assert min(picture.size) > 50


def test_the_samples_of_a_class(trained, tmp_path):
    sheets = [tmp_path / f"{label}.png" for label in ("2", "7")]
    for sheet in sheets:
        sample_sheet(trained("semi-supervised"), 5, sheet.stem, 0, sheet)
    first, second = (sheet.read_bytes() for sheet in sheets)
    assert first != second
    with pytest.raises(AAEError, match="no class '10'"):
        sample_sheet(trained("semi-supervised"), 5, "10", 0, tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


@pytest.mark.parametrize("kind", SHEETS)
def test_invalid_output_files(trained, tmp_path, kind):
    with pytest.raises(UsageError, match=r"out.txt should end in \.png"):
        SHEETS[kind](trained("vae"), tmp_path / "out.txt")
    with pytest.raises(AAEError, match=r"absent does not exist; make it first"):
        SHEETS[kind](trained("vae"), tmp_path / "absent" / "out.png")
