import json

import numpy as np
import pytest
import torch
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from aae.evaluation import inference
from aae.model.artifact import load, save_model
from aae.model.table import Table, fit_table
from aae.system.errors import AAEError
from helpers.close import assert_close
from helpers.models import FAMILIES, through_json

pytestmark = pytest.mark.numeric

RNG = np.random.default_rng(0)
NAMES, COLOURS = ["height", "colour", "weight"], ["blue", "green", "red"]


@pytest.fixture
def rows():
    """Sixty rows of two numbers and a category, some cells of ``colour`` and ``weight`` empty."""
    x = np.stack([RNG.normal(170, 9, 60), RNG.integers(0, 3, 60), RNG.normal(0.07, 0.001, 60)], 1).astype(np.float32)
    x[::7, 1] = np.nan
    x[3::9, 2] = np.nan
    return x


def table_of(rows):
    return fit_table(rows, NAMES, {1: COLOURS})


def test_the_same_as_scikit_learn(rows):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    alone = fit_table(rows[:, [0]], ["height"])(torch.from_numpy(rows[:, [0]]))
    # A number close to its column's mean has the rounding of both: 170 with a spread of 9, and 0.07 with one of 0.001.
    near, nearer = 2 * 170 / 9, 2 * 0.07 / 0.001
    assert_close(alone, numbers.fit_transform(rows[:, [0]]), 5, near)
    category = OneHotEncoder(categories=[[0, 1, 2]], handle_unknown="ignore", sparse_output=False)
    weight = StandardScaler().fit(rows[:, [2]])
    expected = make_column_transformer((numbers, [0]), (category, [1])).fit_transform(rows)
    found = table_of(rows)(torch.from_numpy(rows)).numpy()
    known = ~np.isnan(rows[:, 2])
    assert_close(found[:, 0], expected[:, 0], 5, near)
    assert_close(found[known, 1], weight.transform(rows[known][:, [2]])[:, 0], 5, nearer)
    assert (found[~known, 1] == 0).all()
    assert np.array_equal(found[:, 2:4], np.isnan(rows[:, 1:]))
    assert np.array_equal(found[:, 4:], expected[:, 1:])


def test_round_trip(rows):
    table = table_of(rows)
    full = rows[~np.isnan(rows).any(1)]
    back = table.restore(table(torch.from_numpy(full))).numpy()
    assert_close(back, full, 10, np.abs(full))
    cells = table.cells(back)
    assert set(cells) == set(NAMES)
    assert np.array_equal(table.read(cells, "here"), back)


def test_through_json(rows):
    table = table_of(rows)
    twin = through_json(table)
    assert torch.equal(twin(torch.from_numpy(rows)), table(torch.from_numpy(rows)))
    assert twin.shape == (3,)
    assert twin.width == 2 + 2 + 3
    assert not table.state_dict()


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


def test_columns_by_name_in_any_order(rows):
    table = table_of(rows)
    cells = {"weight": np.array([0.07, np.nan]), "extra": np.array([1.0, 2.0]),
             "colour": np.array(["red", None], dtype=object), "height": np.array([180.0, 160.0])}
    found = table.read(cells, "new.csv")
    assert np.array_equal(found, np.array([[180, 2, 0.07], [160, np.nan, np.nan]], np.float32), equal_nan=True)


@pytest.mark.parametrize(("name", "cells", "sentence"), [
    ("height", None, "new.csv has no column 'height', which the model was trained on; is it 'heights'?"),
    ("height", ["tall"], "new.csv: column 'height' holds 'tall' in row 0, but the model takes numbers there."),
    ("height", [np.inf], "new.csv: column 'height' holds inf in row 0"),
    ("height", [1e300], "new.csv: column 'height' holds 1e+300 in row 0"),
    ("colour", ["mauve"], "new.csv: column 'colour' holds 'mauve' in row 0, which the model has never seen; it knows "
                          "'blue', 'green', 'red'. Correct the cell, or leave it empty."),
    ("colour", [3.0], "new.csv: column 'colour' holds '3' in row 0"),
])  # fmt: skip
def test_wrong_cells(rows, name, cells, sentence):
    given = {"height": np.array([1.0]), "weight": np.array([1.0]), "colour": np.array(["red"], dtype=object)}
    del given[name]
    given["heights"] = np.array([1.0])
    if cells is not None:
        given[name] = np.array(cells, dtype=object if isinstance(cells[0], str) else float)
    with pytest.raises(AAEError) as failure:
        table_of(rows).read(given, "new.csv")
    assert sentence in str(failure.value)


@pytest.mark.parametrize("column", [
    {"mean": 0.0, "scale": 1.0}, {"name": "a"}, {"name": "a", "mean": 0.0, "scale": 0.0},
    {"name": "a", "mean": float("nan"), "scale": 1.0}, {"name": "a", "values": "red"},
])  # fmt: skip
def test_an_incomplete_column_is_refused(column):
    with pytest.raises(AAEError, match="A column needs a name"):
        Table([column])


def test_a_model_takes_raw_rows_and_gives_them_back(rows, tmp_path):
    table = table_of(rows)
    model = FAMILIES["semi-supervised"](shape=(table.width,), table=table).eval()
    assert (model.shape, model.input_shape) == ((3,), (7,))
    back = inference.reconstruct(model, rows)
    assert back.shape == rows.shape
    assert np.isin(back[:, 1], [0, 1, 2]).all()
    assert inference.sample(model, 5).shape == (5, 3)
    prepared = inference.prepare(model, rows)
    assert np.array_equal(prepared, table(torch.from_numpy(rows)).numpy())
    assert inference.reconstruct(model, prepared, prepared=True).shape == (60, 7)
    twin = load(save_model(model, tmp_path / "model"))
    assert np.array_equal(inference.classify(twin, rows), inference.classify(model, rows))
    assert "mean" in json.dumps(json.loads((tmp_path / "model" / "spec.json").read_text())["model"]["table"])


def test_a_table_that_does_not_fit_the_networks(rows):
    with pytest.raises(AAEError, match=r"The networks read rows of shape \(6,\), but the table gives 7"):
        FAMILIES["aae"](table=table_of(rows))
