import datetime
import decimal
import pickle
import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from aae.data.dataset import ReadOptions
from aae.data.table_files import read_table
from aae.model.table_fit import fit_table
from aae.sklearn.classifier import AAEClassifier
from aae.sklearn.clusterer import AAEClusterer
from aae.sklearn.embedder import AAEEmbedder
from aae.sklearn.frames import learn_rows
from aae.sklearn.outlier_detector import AAEOutlierDetector
from aae.system.errors import AAEError

ALL = [AAEClassifier, AAEClusterer, AAEEmbedder, AAEOutlierDetector]
SMALL = {"hidden": [8], "discriminator_hidden": [8], "z": 2, "batch_size": 16}
N = 30
RNG = np.random.default_rng(0)
START = pd.Timestamp("2024-01-01")
Y = np.arange(N) % 2
QUIET = pytest.mark.filterwarnings("ignore:X. ")


def make(kind, steps=2):
    return kind(options=SMALL, max_iter=steps, random_state=0)


def numbers(low, high):
    return RNG.integers(low, high, N)


PANDAS = pd.DataFrame({
    "size": RNG.normal(size=N).astype(np.float32),
    "count": numbers(0, 90).astype(np.int16),
    "town": RNG.choice(["Ulm", "Köln", "=1+1"], N),
    "text": RNG.choice(["red", "blue"], N).astype(object),
    "grade": pd.Categorical(RNG.choice(["b", "c"], N), ["c", "b", "a"], ordered=True),
    "code": pd.Categorical(numbers(1, 4)),
    "range": pd.cut(RNG.normal(size=N), 3),
    "flag": numbers(0, 2).astype(bool),
    "answer": pd.array(numbers(0, 2).astype(bool), dtype="boolean"),
    "visits": pd.array(numbers(0, 50), dtype="Int64"),
    "weight": pd.array(RNG.normal(size=N), dtype="Float64"),
    "day": START + pd.to_timedelta(numbers(0, 300), unit="D"),
    "moment": (START + pd.to_timedelta(numbers(0, 10**6), unit="s")).tz_localize("UTC").tz_convert("Europe/Rome"),
    "span": pd.to_timedelta(numbers(0, 10**5), unit="s"),
    "month": pd.period_range("2021-01", periods=N, freq="M"),
    "date": pd.Series([datetime.date(2024, 1, 1 + k % 28) for k in range(N)], dtype=object),
    "string": pd.array(RNG.choice(["x", "y"], N), dtype="string"),
})  # fmt: skip
POLARS = pl.DataFrame({
    "size": pl.Series(RNG.normal(size=N).tolist(), dtype=pl.Float32),
    "count": pl.Series(numbers(-90, 90).tolist(), dtype=pl.Int8),
    "town": RNG.choice(["Ulm", "Köln", "=1+1"], N).tolist(),
    "grade": pl.Series(RNG.choice(["b", "c"], N).tolist(), dtype=pl.Enum(["c", "b", "a"])),
    "kind": pl.Series(RNG.choice(["b", "c"], N).tolist(), dtype=pl.Categorical),
    "flag": numbers(0, 2).astype(bool).tolist(),
    "day": [datetime.date(2024, 1, 1 + k % 28) for k in range(N)],
    "moment": [datetime.datetime(2024, 1, 1 + k % 28, k % 24) for k in range(N)],
    "zoned": pl.Series([datetime.datetime(2024, 1, 1 + k % 28) for k in range(N)]).dt.replace_time_zone("Asia/Tokyo"),
    "clock": [datetime.time(k % 24, 7 * k % 60) for k in range(N)],
    "span": [datetime.timedelta(seconds=11 * k + k % 3) for k in range(N)],
    "price": [decimal.Decimal("1.25") * (k % 7) for k in range(N)],
})  # fmt: skip
CELLS = np.array([["red", 1, 2.5, True], ["blue", 2, 0.25, False], ["red", 4, 1.5, False]] * 10, dtype=object)
FRAME = pd.DataFrame({"size": RNG.normal(size=N), "town": RNG.choice(["Ulm", "Bonn"], N)})


def rebuilt(x):
    """A frame, after its rows became those of a table and were written again."""
    form, raw, _ = learn_rows(x)
    table = fit_table(raw.x, raw.columns, raw.values, raw.kinds)
    return form.write(raw.x, table)


def test_rows_are_written_as_the_data_frame_that_they_were():
    pd.testing.assert_frame_equal(rebuilt(PANDAS), PANDAS, rtol=1e-6)
    found = rebuilt(POLARS)
    assert found.schema == POLARS.schema
    assert found.equals(POLARS)
    assert np.array_equal(rebuilt(CELLS), CELLS)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_columns_are_those_of_the_same_rows_in_a_file(tmp_path, suffix):
    frame = PANDAS.drop(columns=["range", "span", "month"]).assign(
        amount=[f"{k},5" for k in range(N)], key=[f"row {k}" for k in range(N)], number=range(N),
        size=PANDAS["size"].mask(PANDAS["size"] > 1), town=PANDAS["town"].mask(PANDAS["count"] > 60),
    )  # fmt: skip
    if suffix == ".csv":  # where nothing says that numbers are names, or texts are texts and no formula
        frame = frame.drop(columns="code")
    path = tmp_path / f"table{suffix}"
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_csv(path, index=False)
    of_file = read_table(path, ReadOptions())
    _, raw, notes = learn_rows(frame)
    if suffix == ".parquet":
        assert raw.kinds == of_file.kinds
    assert np.array_equal(raw.x.astype(np.float32), of_file.x.astype(np.float32), equal_nan=True)
    assert (raw.columns, raw.values) == (of_file.columns, of_file.values)
    left_out = [note.replace(str(path), "X") for note in of_file.notes if "ignored" in note]
    assert [note for note in notes if "ignored" in note] == left_out
    assert len(left_out) == 2


@QUIET
@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("x", [PANDAS, POLARS, CELLS], ids=["pandas", "polars", "objects"])
def test_every_estimator_takes_and_gives_frames(kind, x):
    model = make(kind).fit(x, Y)
    drawn = model.sample(3, random_state=0)
    assert type(drawn) is type(x)
    assert len(model.sample(0)) == 0
    if x is not CELLS:
        assert list(model.feature_names_in_) == list(drawn.columns) == list(x.columns)
        assert list(drawn.dtypes) == list(x.dtypes)
    assert model.n_features_in_ == x.shape[1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what a model draws is nothing new to it
        for call in ("predict", "predict_proba", "transform", "score_samples"):
            if hasattr(model, call):
                assert len(getattr(model, call)(drawn)) == 3
    twin = pickle.loads(pickle.dumps(model))
    again = twin.sample(3, random_state=0)
    assert np.array_equal(again, drawn) if x is CELLS else again.equals(drawn)
    if hasattr(model, "inverse_transform"):
        codes = model.transform(x)
        assert np.array_equal(twin.transform(x), codes)
        back = model.inverse_transform(codes)
        assert type(back) is type(x)
        assert back.shape == x.shape


def test_one_row_and_a_refit():
    model = make(AAEClassifier).fit(FRAME, Y)
    assert np.array_equal(model.predict_proba(FRAME.iloc[[4]]), model.predict_proba(FRAME)[[4]])
    assert np.array_equal(clone(model).fit(FRAME, Y).predict_proba(FRAME), model.predict_proba(FRAME))
    model.fit(FRAME[["size"]], Y)
    assert isinstance(model.sample(2), np.ndarray)
    with pytest.raises(ValueError, match="minimum of 2 is required by AAEClassifier"):
        model.fit(FRAME[:1], Y[:1])
    with pytest.raises(ValueError, match="0 sample"):
        make(AAEClassifier).fit(FRAME, Y).predict(FRAME[:0])


def test_unseen_categories_are_said_once_and_read_as_unknown():
    model = make(AAEClassifier).fit(FRAME, Y)
    new = pd.DataFrame({"size": [0.0, 0.0, 0.0], "town": ["Ulm", "Rom", "Paris"]})
    with pytest.warns(UserWarning, match="X: 2 of 3 rows hold categories that the model has not seen, read as unknown: "
                      r"town: 'Rom' \(1\), 'Paris' \(1\)") as said:  # fmt: skip
        found = model.predict_proba(new)
    assert [warning.filename for warning in said] == [__file__]
    assert np.array_equal(found[1], found[2])
    assert not np.array_equal(found[0], found[1])
    new["town"] = pd.Categorical(["Ulm"] * 3, ["Ulm", "Rom"])  # a category that no row has is not there
    assert np.array_equal(model.predict_proba(new), found[[0, 0, 0]])


def test_columns_of_new_frames_are_checked_as_everywhere_in_scikit_learn():
    model = make(AAEEmbedder).fit(FRAME)
    for other, sentence in (
        (FRAME[["town", "size"]], "Feature names must be in the same order"),
        (FRAME[["size"]], r"Feature names seen at fit time, yet now missing:\n- town"),
        (FRAME.assign(more=1), r"Feature names unseen at fit time:\n- more"),
    ):
        with pytest.raises(ValueError, match=sentence):
            model.transform(other)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        codes = model.transform(FRAME.to_numpy())
    assert np.array_equal(codes, model.transform(pl.from_pandas(FRAME)))
    with pytest.warns(UserWarning, match="valid feature names"), pytest.raises(ValueError, match="expecting 2 feat"):
        model.transform([["Ulm"]])
    with pytest.raises(AAEError, match=r"X, row 0, column size: 'big' is no number.*; the model accepts nothing else"):
        model.transform(FRAME.assign(size="big"))


@pytest.mark.parametrize("name", ["size", "town"])
def test_empty_cells_are_marked_and_said(name):
    frame = FRAME.assign(**{name: FRAME[name].mask(np.arange(N) < 9)})
    share = f"{100 * frame[name].isna().mean():.2g}"
    with pytest.warns(UserWarning, match=f"X: The column '{name}' is empty in {share} % of the rows") as said:
        model = make(AAEClassifier).fit(frame, Y)
    assert len(said) == 1
    assert [bool(column.get("missing")) for column in model.model_.table.columns] == [name == "size", name == "town"]
    model.predict(frame)  # nothing new
    empty = model.sample(300, random_state=0).isna().mean()  # as often as in the data
    assert empty[name] == pytest.approx(frame[name].isna().mean(), abs=0.1)
    assert not empty.drop(name).any()
    full = make(AAEClassifier).fit(FRAME, Y)
    with pytest.warns(UserWarning, match=rf"X: cells of '{name}' \(\d+\) are empty, which none of the training was"):
        assert np.isfinite(full.predict_proba(frame)).all()


def test_frames_of_numbers_may_have_empty_cells_too():
    frame = pd.DataFrame(RNG.normal(size=(N, 3)), columns=list("abc"))
    holes = frame.mask(frame > 1.5)
    with pytest.warns(UserWarning, match="X: The column '.' is empty in"):
        model = make(AAEClassifier).fit(holes, Y)
    assert isinstance(model.sample(2), np.ndarray)
    model.predict(holes)
    full = make(AAEClassifier).fit(frame, Y)
    assert np.array_equal(full.predict_proba(frame.astype(object)), full.predict_proba(frame))
    for other in (holes, holes.astype("Float64"), pl.from_pandas(holes)):
        with pytest.warns(UserWarning, match="which none of the training was"):
            assert np.isfinite(full.predict_proba(other)).all()
    with pytest.raises(ValueError, match="Input X contains infinity"):
        full.predict(frame.replace(frame.iloc[0, 0], np.inf))
    with pytest.warns(UserWarning, match="valid feature names"), pytest.raises(ValueError, match="X contains NaN"):
        full.predict(holes.to_numpy())


def test_samples_have_the_decimals_of_the_data():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    tenths, y = rng.integers(0, 50, 80) / 10, [0, 1] * 4 + [-1] * 72
    frame = pd.DataFrame({"a": tenths, "c": rng.choice(["x", "y"], 80)})
    for rows in (frame, tenths[:, None]):
        drawn = np.asarray(make(AAEClassifier).fit(rows, y).sample(40))[:, 0].astype(np.float64)
        assert drawn.tolist() == [round(value, 1) for value in drawn.tolist()]
    single = make(AAEClassifier).fit(tenths[:, None].astype(np.float32), y).sample(40)
    assert single.dtype == np.float32
    assert np.array_equal(single, single.round(1))


def test_what_is_not_learned_from_is_said_and_empty_in_samples():
    frame = FRAME.assign(name=[f"{k} Main Street" for k in range(N)], id=range(1, N + 1), none=None)
    with pytest.warns(UserWarning, match="ignored") as said:
        model = make(AAEClusterer).fit(frame)
    texts = [str(warning.message) for warning in said]
    assert [text.startswith(start) for text, start in zip(texts, (
        "X, column name, ignored: too many distinct values for a category (an identifier?); 30 in 30 rows",
        "X: ignored 'none': empty.", "X: ignored 'id': row numbers.",
    ), strict=True)] == [True] * 3  # fmt: skip
    assert {warning.filename for warning in said} == {__file__}
    drawn = model.sample(4)
    assert list(drawn.columns) == list(frame.columns)
    assert drawn[["name", "id", "none"]].isna().all().all()
    assert len(model.predict(drawn)) == 4
    model.predict(drawn.assign(name=[[1]] * 4))  # nor is it read
    with pytest.raises(AAEError, match="X has no column of numbers or categories to learn from"):
        make(AAEClusterer).fit(frame[["name"]])


def test_constant_columns():
    frame = FRAME.assign(one="x", zero=0, yes=True)
    with pytest.warns(UserWarning, match=r"X: 3 of 5 columns have the same value in every row \(one, zero, yes\)"):
        model = make(AAEEmbedder).fit(frame)
    assert (model.sample(5)[["one", "zero", "yes"]] == ["x", 0, True]).all().all()


@QUIET
def test_folds_may_lack_a_category():
    frame = FRAME.assign(
        kind=pd.Categorical(["rare", *RNG.choice(["a", "b"], N - 1)]), when=PANDAS["day"],
        size=FRAME["size"].mask(np.arange(N) == 3),
    )  # fmt: skip
    model = make(AAEClassifier)
    folds = StratifiedKFold(2)
    with pytest.warns(UserWarning, match="1 of 15 rows holds a category that the model has not seen.*kind: 'rare'"):
        scores = cross_val_score(model, frame, Y, cv=folds, error_score="raise")
    assert np.isfinite(scores).all()
    search = GridSearchCV(Pipeline([("aae", model)]), {"aae__max_iter": [1, 2]}, cv=folds, error_score="raise")
    assert search.fit(frame, Y).predict(frame).shape == (N,)
    assert np.isfinite(cross_val_score(model, pl.from_pandas(frame), Y, cv=folds, error_score="raise")).all()


def test_columns_come_out_of_a_column_transformer():
    front = make_column_transformer((StandardScaler(), ["size"]), remainder="passthrough")
    front.set_output(transform="pandas")
    codes = make_pipeline(front, make(AAEEmbedder).set_output(transform="pandas")).fit_transform(
        PANDAS[["size", "town", "grade", "flag"]])  # fmt: skip
    assert list(codes.columns) == ["z0", "z1"]
    assert list(codes.index) == list(PANDAS.index)


@pytest.mark.parametrize("names", [[0, 1], [("a", 1), ("a", 2)], [" size", "town "]], ids=str)
def test_names_of_columns(names):
    frame = FRAME.copy()
    frame.columns = pd.Index(names) if names[0] != ("a", 1) else pd.MultiIndex.from_tuples(names)
    model = make(AAEEmbedder).fit(frame)
    assert model.transform(frame).shape == (N, 2)
    assert model.sample(2).columns.equals(frame.columns)


@pytest.mark.parametrize(("frame", "sentence"), [
    (FRAME.assign(other=[[1, 2]] * N), "X: column 'other' holds list<.*>, but only numbers and texts can be read"),
    (FRAME.assign(other=[{"a": 1}, "b"] * (N // 2)), r"X: column 'other' holds .* \(dict\), but only numbers, texts"),
    (FRAME.assign(other=np.arange(N) * 1j), "X: column 'other' holds complex numbers, but only"),
    (FRAME.assign(size=[np.inf, *range(N - 1)]), "X, row 0, column size: inf is infinite or too large; correct"),
    (FRAME.set_axis(["a", "a"], axis=1), "X has two columns called 'a'; rename one"),
    (FRAME.assign(other=pd.Categorical([f"{k}" for k in range(N)])), "X: column 'other' has 30 categories, but at most"
     " 20 can be learned; leave it out"),
    (FRAME.assign(other=[*map(str, range(N - 1)), "n.v."]), r"X, row 29, column other: 'n.v.' is no number; correct "
     "it, replace it by None if it stands for an empty cell, or give the column the type category"),
    (FRAME.assign(other=["1.234", "2.345"] * (N // 2), more=["1,5", "2,5"] * (N // 2)), None),
])
def test_columns_that_cannot_be_used(frame, sentence, monkeypatch):
    monkeypatch.setattr("aae.data.column_choice.MAX_NAMED", 20)
    if sentence is None:  # the comma of one column tells how the other is read, which is said
        with pytest.warns(UserWarning, match="X: read .*'other'") as said:
            learned = make(AAEEmbedder).fit(frame)
        assert "--" not in str(said[0].message)
        assert learned.model_.table.columns[2]["mean"] > 1000
        return
    with pytest.raises(AAEError, match=sentence) as error:
        make(AAEEmbedder).fit(frame)
    assert "--" not in str(error.value)


def test_advice_is_for_somebody_with_a_data_frame():
    frame = FRAME.assign(size=[-9999.0] * 2 + FRAME["size"].tolist()[2:], mark=["none", "a", "b"] * (N // 3))
    with pytest.warns(UserWarning, match="replace") as said:
        make(AAEEmbedder).fit(frame)
    texts = [str(warning.message) for warning in said]
    assert not [text for text in texts if "--" in text]
    assert any("if they stand for empty cells, replace them by None" in text for text in texts)
    assert any("If a number stands for an empty cell, replace it by None" in text for text in texts)


@pytest.mark.parametrize("rows", [
    CELLS, CELLS.tolist(), CELLS.astype(str), np.where(CELLS == 2, None, CELLS),
    np.array(PANDAS[["day"]]), [[datetime.date(2024, 1, 1 + k % 28), k % 3] for k in range(N)],
], ids=["objects", "lists", "texts", "empty", "dates", "days"])  # fmt: skip
@QUIET
def test_arrays_of_mixed_cells(rows):
    model = make(AAEEmbedder).fit(rows)
    assert model.transform(rows).shape == (N, 2)
    assert model.model_.table.names[0] == "c0"
    assert model.sample(3).shape == (3, len(rows[0]))
    assert not hasattr(model, "feature_names_in_")


def test_arrays_of_numbers_are_read_as_numbers():
    cells = [[1.0, np.nan], [2.0, 3.0], [0.0, 1.0]]
    for rows in (cells, np.array(cells, dtype=object), np.array([[1.0, None], [2.0, 3.0]], dtype=object)):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            make(AAEEmbedder).fit(rows)
    with pytest.warns(UserWarning, match="X: The column 1 is empty in 33 % of the rows"):  # scikit-learn lets it pass
        assert make(AAEEmbedder).fit([[1.0, None], *cells[1:]]).sample(2).dtype == np.float64
    with pytest.raises(TypeError, match="must be a string or a real number, not 'dict'"):
        make(AAEEmbedder).fit(np.array([[{}, 1], ["a", 2]], dtype=object))


def test_mixed_cells_of_one_column_are_categories():
    frame = FRAME.assign(mixed=pd.Series([1, "a", 2.5] * 10, dtype=object))
    with pytest.warns(UserWarning, match="X: read as categories, though some texts are numbers: 'mixed'"):
        model = make(AAEEmbedder).fit(frame)
    assert model.model_.table.columns[2]["values"] == ["1", "2.5", "a"]


def test_without_pyarrow(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(AAEError, match=r"A data frame of other columns than numbers needs pyarrow; .*, or turn"):
        make(AAEEmbedder).fit(FRAME)
    make(AAEEmbedder).fit(FRAME[["size"]])
