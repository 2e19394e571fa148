import numpy as np
import pytest

from aae.data import arrays
from aae.data.arrays import NpyRows, check_rows, open_rows
from aae.system.errors import AAEError

RNG = np.random.default_rng(0)
KINDS = {
    "images": RNG.integers(0, 256, (30, 4, 5), dtype=np.uint8), "vectors": RNG.standard_normal((30, 6)),
    "whole numbers": RNG.integers(-9, 9, (30, 6)), "truths": RNG.random((30, 6)) < 0.5,
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rows.npy"


@pytest.mark.parametrize("kind", KINDS)
def test_rows_on_the_disk_are_those_of_the_array(path, kind):
    x = KINDS[kind]
    np.save(path, x)
    rows = open_rows(path)
    assert isinstance(rows, NpyRows)
    assert (len(rows), rows.shape, rows.ndim, rows.dtype) == (len(x), x.shape, x.ndim, x.dtype)
    for part in (slice(0, 7), slice(7, 30), slice(25, 99), slice(None), slice(40, 50), slice(9, 3)):
        assert np.array_equal(rows[part], x[part])
    assert np.array_equal(np.asarray(rows), x)
    assert check_rows(rows, "here") is rows


def test_columns_that_lie_together_are_read_whole(path):
    x = np.asfortranarray(KINDS["vectors"])
    np.save(path, x)
    rows = open_rows(path)
    assert isinstance(rows, np.ndarray)
    assert np.array_equal(rows, x)


@pytest.mark.parametrize("spoil", [lambda b: b[:200], lambda b: b[:20], lambda b: b"", lambda b: b"x" * 300],
                         ids=["cut", "cut in the header", "empty", "text"])
def test_a_damaged_file_is_refused(path, spoil):
    np.save(path, KINDS["vectors"])
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(AAEError, match=r"rows.npy is not a readable numpy file of plain arrays"):
        open_rows(path)


def test_python_objects_are_refused(path):
    np.save(path, np.array([{}, None]), allow_pickle=True)
    with pytest.raises(AAEError, match="not a readable numpy file of plain arrays"):
        open_rows(path)


def test_the_first_bad_row_is_named_whichever_part_it_is_in(path, monkeypatch):
    monkeypatch.setattr(arrays, "CHUNK", 8)
    x = KINDS["vectors"].copy()
    x[[19, 21, 29], 2] = np.nan, np.inf, np.nan
    np.save(path, x)
    with pytest.raises(AAEError, match=r"here, row 19, column \d+: (NaN|infinity) is no number \(3 such rows\)"):
        check_rows(open_rows(path), "here")


def test_numbers_too_large_for_float32_are_an_error_and_no_warning(tmp_path):
    rows = np.ones((3, 2))
    rows[1] = 1e300
    with pytest.raises(AAEError, match=r"row 1, column \d+: (NaN|infinity) is no number"):
        check_rows(rows, "rows")
