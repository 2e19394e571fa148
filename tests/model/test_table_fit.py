import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_wine

from aae.model.table_fit import are_vectors, extreme_notes, fit_table, fit_vectors
from helpers.close import assert_close

pytestmark = pytest.mark.numeric

RNG = np.random.default_rng(0)


def test_pixels_are_scaled_and_clipped():
    pixels = RNG.integers(0, 17, (50, 20)).astype(np.float32)
    pixels[:, 0] = 0
    table = fit_table(pixels)
    assert table.bounded
    assert not table.named
    assert_close(table(torch.from_numpy(pixels)), pixels / 16, 2)
    assert table(torch.full((1, 20), 99.0)).max() == 1


@pytest.mark.parametrize("x", [
    RNG.normal(size=(50, 20)),
    RNG.random((50, 15)),
    RNG.random((50, 20)) * np.arange(1, 21),
    np.zeros((50, 20)),
])
def test_other_columns_are_standardised(x):
    table = fit_table(x.astype(np.float32))
    assert not table.bounded
    found = table(torch.from_numpy(x.astype(np.float32))).numpy()
    changing = x.std(0) > 0
    # A mean is up to two spreads away from zero.
    assert_close(found.mean(0), np.zeros(20 if x.shape[1] == 20 else 15), 50 + 5, 3)
    assert_close(found.std(0)[changing], np.ones(changing.sum()), 50 + 5, 3)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer])
def test_ordinary_columns_have_mean_and_standard_deviation(load):
    x = load().data
    table = fit_table(x)
    assert not table.float64
    single = x.astype(np.float32).astype(np.float64)
    assert [column["mean"] for column in table.columns] == pytest.approx(single.mean(0), rel=1e-12)
    assert [column["scale"] for column in table.columns] == pytest.approx(single.std(0), rel=1e-9)
    assert not any("clip" in column for column in table.columns)
    assert extreme_notes(table, x, "x") == []
    assert table.columns == fit_table(x.astype(np.float32)).columns


@pytest.mark.parametrize("constant", [1e5, -7.0, 3.0])
def test_constant_columns_are_set_aside_before_the_maximum_is_judged(constant):
    pixels = RNG.integers(0, 17, (50, 20)).astype(float)
    alone, table = fit_table(pixels), fit_table(np.c_[pixels, np.full(50, constant)])
    assert table.bounded
    assert [column["scale"] for column in table.columns] == [16.0] * 21
    found = table(torch.from_numpy(np.c_[pixels, np.full(50, constant)]))
    assert torch.equal(found[:, :20], alone(torch.from_numpy(pixels)))
    assert (found[:, 20] == 0).all()


@pytest.mark.parametrize("value", [-9999.0, 1e30, 999_999.0, -3.4e38, 1e300, 2.0**31 - 1])
@pytest.mark.parametrize("share", [1, 5, 60])
def test_fill_values_do_not_count(value, share):
    x = RNG.normal(20, 3, (200, 3))
    clean = fit_table(x[:-share] if share < 200 else x)
    x[-share:, 1] = value
    table = fit_table(x)
    column = table.columns[1]
    assert column["mean"] == pytest.approx(clean.columns[1]["mean"], rel=1e-5)
    assert column["scale"] == pytest.approx(clean.columns[1]["scale"], rel=1e-5)
    assert column["clip"] < 20
    assert table(torch.from_numpy(table.as_rows(x)))[-1].abs().max() == pytest.approx(column["clip"])
    (note,) = extreme_notes(table, x, "t.csv")
    cell = f"1 {value:g} ({share} in all, the first in row {200 - share})"
    assert note.startswith(f"t.csv: some numbers are far from all others in their column: {cell}; the networks see")


def test_pixels_with_a_fill_value():
    pixels = RNG.integers(0, 17, (50, 20)).astype(float)
    pixels[3, 4] = -9999
    table = fit_table(pixels)
    assert table.bounded
    assert {column["scale"] for column in table.columns} == {16.0}


@pytest.mark.parametrize("x", [
    RNG.lognormal(0, 1, 5000), RNG.standard_t(3, 5000), RNG.choice([0.0, 1000.0], 5000),
    np.r_[np.zeros(4600), RNG.random(400)], RNG.integers(0, 5, 5000) * 250.0,
    np.r_[RNG.normal(size=2500), RNG.normal(5000, 1, 2500)], 1.7e9 + np.arange(5000.0),
], ids=["lognormal", "t", "two values", "zeros", "few values", "two kinds", "seconds"])  # fmt: skip
def test_columns_of_other_shapes_keep_all_their_cells(x):
    table = fit_table(x[:, None])
    assert "clip" not in table.columns[0]
    assert table.columns[0]["mean"] == pytest.approx(x.mean(), rel=1e-6, abs=1e-6)


def test_rare_values_have_a_scale_with_a_floor():
    rare = (np.arange(1000) % 100 == 0).astype(float)
    half = (np.arange(1000) % 2).astype(float)
    counts = rare * (1 + np.arange(1000) // 500)
    table = fit_table(np.stack([rare, half, counts, 7 * rare - 2, RNG.normal(size=1000)], 1))
    assert [column["scale"] for column in table.columns[:4]] == [0.5, 0.5, pytest.approx(0.75), 3.5]


def test_double_only_where_it_is_needed():
    ordinary, seconds = RNG.normal(1000, 1, (100, 2)), 1.7e9 + np.arange(100.0)[:, None]
    assert not fit_table(ordinary).float64
    assert fit_table(np.c_[ordinary, seconds]).float64
    assert fit_table(np.c_[ordinary, np.r_[seconds[:-1], [[0.0]]]]).float64  # a fill value does not hide it
    assert not fit_table(np.c_[ordinary, np.full(100, 1.7e9)]).float64
    assert not fit_table(seconds.astype(np.float32)).float64
    assert not fit_table(seconds * 86400 % 3e8).float64


def test_columns_that_differ_by_rounding_alone():
    x = 1e19 * (1 + 1e-15 * np.arange(40))[:, None]
    table = fit_table(x)
    assert table(torch.from_numpy(table.as_rows(x))).abs().max() < 1e-6
    assert extreme_notes(table, x, "x") == []


def test_empty_cells_and_columns():
    x = RNG.normal(size=(30, 3))
    x[::3, 1], x[:, 2] = np.nan, np.nan
    table = fit_table(x)
    assert [column.get("missing", False) for column in table.columns] == [False, True, True]
    assert (table.columns[2]["mean"], table.columns[2]["scale"]) == (0.0, 1.0)
    assert table.columns[1]["mean"] == pytest.approx(np.nanmean(x[:, 1]), rel=1e-5)


def test_a_constant_column_is_restored_and_hardly_seen():
    rows = np.stack([np.arange(20) * 1.0, np.full(20, 0.1), np.full(20, np.nan)], 1)
    rows[::2, 2] = 7
    table = fit_table(rows, ["a", "b", "c"])
    assert [column.get("constant", False) for column in table.columns] == [False, True, True]
    other = torch.tensor([[3.0, 1e6, -500.0]])
    assert table(other)[0, 1:3].abs().max() <= 1
    restored = table.restore(torch.full((1, table.width), 3.0))[0]
    assert restored[1:].tolist() == pytest.approx([0.1, 7])
    assert restored[0] != rows[:, 0].mean()


def embedding(rows=50, columns=256):
    return np.random.default_rng(0).normal(size=(rows, columns)).astype(np.float32)


@pytest.mark.parametrize(("change", "answer"), [
    (lambda x: x, True),
    (lambda x: x.astype(np.float64), True),
    (lambda x: np.maximum(x, 0), True),  # after a ReLU
    (lambda x: x / np.linalg.norm(x, axis=1, keepdims=True), True),
    (lambda x: x[:, :255], False),
    (lambda x: np.round(10 * x), False),  # counts
    (lambda x: x * 10.0 ** (np.arange(256) % 4), False),  # columns of several units
    (lambda x: np.where(np.arange(256) < 40, 1.0, x), False),  # constant columns, as at the border of an image
    (lambda x: np.where(x > 3, np.nan, x), False),
    (lambda x: 1 / (1 + np.exp(-9 * x)), False),  # pixels
    (lambda x: (255 / (1 + np.exp(-x))).astype(np.uint8), False),
    (lambda x: x[:1], False),
])  # fmt: skip
def test_vectors_of_encoders_are_recognised(change, answer):
    assert are_vectors(change(embedding())) is answer


def test_vectors_have_one_scale_and_are_restored():
    x = embedding() * 3 + 1
    table = fit_vectors(x, [f"e{k}" for k in range(256)])
    assert table.vectors
    assert table.names[:2] == ["e0", "e1"]
    assert len({column["scale"] for column in table.columns}) == 1
    read = table(torch.from_numpy(x))
    assert float(read.square().mean()) == pytest.approx(1, rel=1e-4)
    assert_close(table.restore(read), x, terms=4, size=20)


def test_vectors_without_negative_numbers_are_read_as_square_roots():
    x = np.maximum(embedding(), 0)
    table = fit_table(x)
    assert table.vectors
    assert table.roots
    read = table(torch.from_numpy(x))
    assert_close(read * table.columns[0]["scale"] + torch.tensor([column["mean"] for column in table.columns]),
                 np.sqrt(x), terms=4, size=4)  # fmt: skip
    assert_close(table.restore(read), x, terms=8, size=16)
    assert float(table.restore(torch.full((1, 256), -9.0)).abs().max()) == 0


@pytest.mark.parametrize("change", [
    lambda x: x.astype(np.float16),
    lambda x: np.minimum(np.abs(x), 6) + np.roll(np.minimum(np.abs(x), 6), 1, 0),  # a mean over places after a ReLU6
    lambda x: x - 5,
    lambda x: 1e-3 * x,
    lambda x: np.where(np.arange(256) < 12, 0, x),  # few units that never fire
    lambda x: np.where(np.arange(len(x))[:, None] < 3, 0, x),  # rows of zeros
    lambda x: np.tile(x, (2, 1)),
])  # fmt: skip
def test_other_vectors_of_encoders(change):
    x = change(embedding())
    assert are_vectors(x)
    assert fit_table(x).vectors


@pytest.mark.parametrize("change", [
    lambda x: np.minimum(np.abs(4 * x), 6),  # many at one largest value, as pixels
    lambda x: np.random.default_rng(0).random((50, 256)),
    lambda x: 255 * np.random.default_rng(0).random((50, 256)),
    lambda x: np.random.default_rng(0).poisson(3, (50, 256)).astype(np.float32),
    lambda x: np.exp(x * np.linspace(0.1, 4, 256)),  # expressions of genes
    lambda x: np.repeat(x[:1], 50, 0),
    lambda x: np.zeros((50, 256)),
    lambda x: np.zeros((50, 256), np.int64),
    lambda x: x.reshape(50, 16, 16),
    lambda x: x[:0],
])  # fmt: skip
def test_what_is_no_vector_of_an_encoder(change):
    assert not are_vectors(change(embedding()))


@pytest.mark.parametrize("cell", [np.nan, np.inf])
def test_a_cell_that_is_no_number_in_a_row_that_is_not_looked_at(cell):
    x = embedding(1200)
    assert are_vectors(x)
    for row in (1, 1198):
        changed = x.copy()
        changed[row, 5] = cell
        assert not are_vectors(changed)
    x[[1, 1198], 5] = np.nan
    assert not fit_table(x).vectors


def test_names_and_kinds_of_vectors_and_categories_beside_them():
    x, names = embedding(), [f"e{k}" for k in range(256)]
    table = fit_table(x, names, kinds={3: {"unit": "kg", "kind": "number"}})
    assert table.vectors
    assert table.names == names
    assert (table.columns[3]["unit"], table.columns[3]["kind"]) == ("kg", "number")
    assert "unit" not in table.columns[4]
    assert table.has_units
    assert not fit_table(x).has_units
    x[:, 0] = np.arange(50) % 2
    assert not fit_table(x, names, {0: ["a", "b"]}).vectors


def test_vectors_of_either_precision_are_read_alike():
    x = embedding()
    single, double = fit_vectors(x), fit_vectors(x.astype(np.float64))
    assert single.columns == double.columns
    assert not double.float64
    assert double.columns[0]["mean"] == pytest.approx(x[:, 0].astype(np.float64).mean(), rel=1e-12)


def test_equal_vectors():
    x = np.full((5, 300), 0.25, np.float32)
    table = fit_vectors(x)
    assert {(column["mean"], column["scale"]) for column in table.columns} == {(0.5, 1.0)}
    assert float(table(torch.from_numpy(x)).abs().max()) == 0


@pytest.mark.parametrize("value", [-9999.0, 1e30, np.inf, np.nan])
def test_one_fill_value_in_a_row_that_is_not_looked_at(value):
    x = embedding(rows=3000)
    x[1, 7] = value
    assert not are_vectors(x)
    assert are_vectors(embedding(rows=3000))
