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
from aae.model.component import rebuild
from aae.model.table import Table
from aae.model.table_fit import fit_table, fit_vectors
from aae.model.unseen import UnseenValues
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


def test_columns_by_name_in_any_order(rows):
    table = table_of(rows)
    cells = {"weight": np.array([0.07, np.nan]), "extra": np.array([1.0, 2.0]),
             "colour": np.array(["red", None], dtype=object), "height": np.array([180.0, 160.0])}
    found = table.read(cells, "new.csv")
    assert np.array_equal(found, np.array([[180, 2, 0.07], [160, np.nan, np.nan]], np.float32), equal_nan=True)


@pytest.mark.parametrize(("name", "cells", "sentence"), [
    ("height", None, "new.csv has no column 'height', which the model was trained on; is it 'heights'?"),
    ("height", ["tall"], "new.csv, row 0, column height: 'tall' is no number, but the model takes numbers there"),
    ("height", [np.inf], "new.csv, row 0, column height: inf is infinite or too large"),
    ("height", [1e300], "new.csv, row 0, column height: 1e+300 is infinite or too large"),
    ("colour", ["mauve"], "new.csv, row 0, column colour: 'mauve' is a category that the model has not seen; it knows "
                          "'blue', 'green', 'red'. Correct the cell, or leave it empty."),
    ("colour", [3.0], "new.csv, row 0, column colour: '3' is a category that"),
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


def test_an_unseen_value_is_no_category_and_no_empty_cell(rows):
    table, unseen = table_of(rows), UnseenValues()
    cells = {"height": np.array([170.0] * 3), "weight": np.array([0.07] * 3),
             "colour": np.array(["red", "mauve", None], dtype=object)}  # fmt: skip
    found = table.read(cells, "new.csv", unseen)
    assert np.array_equal(found[:, 1], [2, -1, np.nan], equal_nan=True)
    assert table(torch.from_numpy(found))[:, 2:].tolist() == [[0, 0, 0, 0, 1], [0, 0, 0, 0, 0], [1, 0, 0, 0, 0]]
    assert table.cells(found)["colour"].tolist() == ["red", None, None]
    assert unseen.rows == 1
    model = FAMILIES["aae"](shape=(table.width,), table=table).eval()
    assert np.isin(inference.reconstruct(model, found)[:, 1], [0, 1, 2]).all()


def test_rows_in_double(tmp_path):
    """Seconds since 1970 that differ by less than float32 tells."""
    stamps = 1.7e9 + np.arange(60.0)
    rows = np.stack([stamps, RNG.normal(size=60)], 1)
    table = through_json(fit_table(rows, ["t", "a"]))
    assert (table.float64, table.dtype) == (True, np.float64)
    found = table(torch.from_numpy(rows))
    assert found.dtype == torch.float32
    assert_close(found[:, 0], (stamps - stamps.mean()) / stamps.std(), 5, 4)
    assert_close(table.restore(found)[:, 0] - 1.7e9, np.arange(60.0), 5, 60)
    model = FAMILIES["aae"](shape=(2,), table=table).eval()
    assert inference.prepare(model, rows).dtype == np.float32
    assert inference.reconstruct(model, rows).dtype == inference.sample(model, 2).dtype == np.float64


def test_input_is_clipped():
    columns = [{"name": 0, "mean": 0.0, "scale": 2.0}, {"name": 1, "mean": 0.0, "scale": 1.0, "clip": 3.0}]
    table = Table(columns, clip=20)
    found = table(torch.tensor([[1e30, -1e30], [torch.inf, 2.0], [10.0, torch.nan]]))
    assert found.tolist() == [[20, -3], [20, 2], [5, 0]]


def test_a_table_of_an_older_version_means_what_it_did():
    old = {"type": "Table", "columns": [{"name": "a", "mean": 1.0, "scale": 2.0, "missing": True}], "bounded": False}
    table = rebuild(old)
    assert table(torch.tensor([[2e9 + 1], [float("nan")]])).tolist() == [[1e9, 0], [0, 1]]
    assert table.dtype == np.float32


@pytest.mark.parametrize("facts", [
    {"kind": "colour"}, {"kind": 3}, {"zone": 1}, {"clock": "yes"}, {"texts": ["a"]}, {"texts": [1, 2]}, {"clip": -1.0},
    {"clip": "a"}, {"decimal": 5}, {"values": [1, 2]},
])  # fmt: skip
def test_facts_that_are_not_valid(facts):
    with pytest.raises(AAEError):
        Table([{"name": "a", "mean": 0.0, "scale": 1.0, **facts}])
    with pytest.raises(AAEError, match="clipped at a number above zero"):
        Table([{"name": "a", "mean": 0.0, "scale": 1.0}], clip=0.0)


def vectors(roots):
    x = np.random.default_rng(1).normal(size=(40, 256)).astype(np.float32)
    return np.abs(x) if roots else x


@pytest.mark.parametrize("roots", [False, True])
def test_vectors_are_restored_and_kept_in_the_specification(roots):
    x = vectors(roots)
    table = fit_vectors(x)
    assert (table.vectors, table.roots) == (True, roots)
    twin = through_json(table)
    assert (twin.vectors, twin.roots, twin.has_units) == (True, roots, False)
    read = table(torch.from_numpy(x))
    assert torch.equal(twin(torch.from_numpy(x)), read)
    assert torch.equal(twin.restore(read), table.restore(read))
    assert_close(table.restore(read), x, terms=12, size=16)


@pytest.mark.parametrize("roots", [False, True])
def test_tables_without_vectors_are_as_before(roots):
    columns = [{"name": k, "mean": 0.5, "scale": 2.0} for k in range(3)]
    plain, other = Table(columns), Table(columns, roots=roots)
    x = torch.tensor([[0.0, 4.0, 9.0]])
    assert plain(x).tolist() == [[-0.25, 1.75, 4.25]]
    assert other(x).tolist() == ([[-0.25, 0.75, 1.25]] if roots else plain(x).tolist())
    assert other.restore(other(x)).tolist() == x.tolist()
    assert not other.vectors


def test_negative_numbers_count_as_zero_where_roots_are_read():
    table = fit_vectors(vectors(True))
    rows = -torch.ones(1, 256)
    assert torch.equal(table(rows), table(torch.zeros(1, 256)))
    assert_close(table.restore(table(rows)), np.zeros((1, 256)), terms=12, size=1e-3)


def test_cells_of_vectors_are_not_told_to_be_far_from_their_mean():
    x = vectors(True)
    table = fit_vectors(x, [f"e{k}" for k in range(256)])
    unseen = UnseenValues()
    assert np.array_equal(table.read({f"e{k}": 1e4 * x[:, k] for k in range(256)}, "here", unseen), 1e4 * x)
    assert unseen.notes("here") == []
