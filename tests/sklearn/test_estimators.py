import pickle
import pickletools
import re
import signal
import threading

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from aae.model.artifact import load, save_model
from aae.presets.classes import label_frequencies
from aae.sklearn import outlier_detector
from aae.sklearn.classifier import AAEClassifier, _class_weights
from aae.sklearn.clusterer import AAEClusterer
from aae.sklearn.embedder import AAEEmbedder
from aae.sklearn.labels import class_labels
from aae.sklearn.outlier_detector import AAEOutlierDetector
from aae.system import generators
from aae.system.errors import AAEError
from helpers.runs import python
from helpers.vectors import groups, only

SMALL = {"hidden": [16], "discriminator_hidden": [16], "channels": 2, "z": 3, "batch_size": 32}
QUICK = {"members": 2, "hidden": [16], "bins": 2, "lr": 0.01}
X, TRUE = make_blobs(120, 4, centers=3, random_state=0)
Y = np.where(np.arange(120) % 5 == 0, TRUE, -1)
IMAGES = np.round(load_digits().images[:60] * 15).astype(np.uint8)

ALL = [AAEClassifier, AAEClusterer, AAEEmbedder, AAEOutlierDetector]


# One of scikit-learn's checks sets max_iter to 1,000; in others a classifier has to learn.
@parametrize_with_checks([AAEClassifier(QUICK, max_iter=60), *(kind(max_iter=15) for kind in ALL[1:])])
def test_as_scikit_learn_expects(estimator, check):
    check(estimator)


def classifier(steps=10, **options):
    return AAEClassifier(options={**SMALL, **options}, max_iter=steps, random_state=0)


@pytest.fixture(scope="module")
def fitted():
    return classifier(300, hidden=[64], reconstruction=1.0).fit(X, Y)


def test_few_labels_are_enough(fitted):
    assert fitted.score(X, TRUE) > 0.95
    probabilities = fitted.predict_proba(X)
    assert probabilities.shape == (120, 3)
    assert np.allclose(probabilities.sum(1), 1)
    assert fitted.n_iter_ == 300


@pytest.fixture(scope="module")
def expected():
    return classifier(5).fit(X, Y).predict_proba(X)


@pytest.mark.parametrize("y", [
    np.where(Y < 0, np.nan, Y),
    np.array([None if v < 0 else v for v in Y], dtype=object),
    [None if v < 0 else int(v) for v in Y],
    pd.Series(np.where(Y < 0, np.nan, Y)),
    pd.Series(Y).astype("Int64").mask(Y < 0),
    pl.Series([None if v < 0 else int(v) for v in Y]),
    Y.astype(float),
], ids=["nan", "none", "list", "pandas", "pandas-na", "polars", "float"])
def test_every_way_of_having_no_label(y, expected):
    found = classifier(5).fit(X, y)
    assert found.classes_.tolist() == [0, 1, 2]
    assert found.classes_.dtype.kind == "i"
    assert np.array_equal(found.predict_proba(X), expected)


@pytest.mark.parametrize("missing", [-1, np.nan, None], ids=str)
def test_rows_without_a_label_do_not_count_in_the_score(fitted, missing):
    y = np.array([TRUE[k] if k % 3 else missing for k in range(120)], dtype=object)
    expected = np.mean(fitted.predict(X)[np.arange(120) % 3 > 0] == TRUE[np.arange(120) % 3 > 0])
    assert fitted.score(X, y) == expected
    with pytest.raises(AAEError, match="None of the rows has a label"):
        fitted.score(X, [None] * 120)


def test_a_class_that_was_not_learned_is_a_mistake_in_the_score(fitted):
    assert fitted.score(X, np.where(np.arange(120) < 30, 7, TRUE)) <= 0.75


def test_weights_of_the_score(fitted):
    weights = fitted.predict(X) == TRUE
    assert fitted.score(X, Y, weights + 1e-9) == pytest.approx(1.0)


@pytest.mark.parametrize("y", [Y, np.where(Y < 0, np.nan, Y), np.array([None if v < 0 else v for v in Y])],
                         ids=["-1", "nan", "none"])
def test_cross_validation_leaves_unlabelled_rows_out(y):
    # Of NaN scikit-learn cannot draw stratified folds.
    scores = cross_val_score(classifier(60, hidden=[64]), X, y, cv=KFold(2))
    assert scores.min() > 0.8


@pytest.mark.parametrize(("values", "kind"), [
    ([True, False], "b"), (["b", "a"], "U"), ([10, 9], "i"), ([2.0, 1.0], "i"),
])
def test_classes_are_of_the_type_of_the_labels(values, kind):
    classes, numbers = class_labels(np.array(values), 2)
    assert classes.dtype.kind == kind
    assert classes.tolist() == sorted(values)
    assert numbers.tolist() == [1, 0]


def test_a_text_that_looks_like_a_mark_of_absence_brings_a_warning():
    with pytest.warns(UserWarning, match=r"labels: 60 rows have '-1', which is read as a class"):
        classes, _ = class_labels(np.array(["-1", "a", "b", "-1"] * 30), 120)
    assert classes.tolist() == ["-1", "a", "b"]


def test_masked_values_are_refused():
    masked = np.ma.array(X, mask=np.arange(X.size).reshape(X.shape) < 3)
    with pytest.raises(AAEError, match="3 values of X are masked; fill them"):
        classifier(3).fit(masked, Y)


def test_text_labels(fitted):
    names = np.array(["ant", "bee", "cow"])
    y = np.array([None if v < 0 else names[v] for v in Y], dtype=object)
    found = classifier(300, hidden=[64], reconstruction=1.0).fit(X, y)
    assert found.classes_.tolist() == names.tolist()
    assert np.array_equal(found.predict(X), names[fitted.predict(X)])
    drawn = found.sample(5, "bee")
    assert drawn.shape == (5, 4)
    with pytest.raises(AAEError, match="There is no class 'fly' to draw from; there are ant, bee, cow"):
        found.sample(5, "fly")


def test_draws_follow_the_seed(fitted):
    drawn = fitted.sample(30, np.repeat([0, 1, 2], 10), random_state=1)
    assert np.array_equal(drawn, fitted.sample(30, np.repeat([0, 1, 2], 10), random_state=1))
    assert not np.array_equal(drawn, fitted.sample(30, np.repeat([0, 1, 2], 10), random_state=2))


def test_codes_and_back(fitted):
    codes = fitted.transform(X)
    names = fitted.get_feature_names_out().tolist()
    assert names == ["z0", "z1", "z2", "y0", "y1", "y2"]
    assert np.allclose(codes[:, 3:], fitted.predict_proba(X))
    back = fitted.inverse_transform(codes)
    assert back.shape == X.shape
    assert np.square(back - X).sum() < 0.5 * np.square(X - X.mean(0)).sum()
    with pytest.raises(AAEError, match=r"A code has 6 numbers; found an array of shape \(2, 5\)"):
        fitted.inverse_transform(codes[:2, :5])


def test_the_seed_decides_and_global_generators_do_not_change(fitted):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again = (classifier().fit(X, Y).predict_proba(X) for _ in range(2))
    fitted.sample(2)
    assert torch.equal(torch.rand(3), expected)
    assert np.array_equal(first, again)
    other = clone(classifier()).set_params(random_state=1).fit(X, Y)
    assert not np.array_equal(other.predict_proba(X), first)


@pytest.mark.parametrize("kind", ALL)
def test_pickles_hold_plain_data_only(kind):
    model = kind(options=SMALL, max_iter=3, random_state=0).fit(X, Y)
    data = pickle.dumps(model)
    named = {str(argument) for code, argument, _ in pickletools.genops(data) if code.name.endswith("UNICODE")}
    assert not [name for name in named if name.startswith("torch")]
    twin = pickle.loads(data)
    for call in ("predict_proba", "transform", "predict", "score_samples"):
        if hasattr(model, call):
            assert np.array_equal(getattr(twin, call)(X), getattr(model, call)(X))


def test_the_model_is_an_ordinary_one(fitted, tmp_path):
    model = load(save_model(fitted.model_, tmp_path / "model"))
    assert model.classes == [0, 1, 2]
    assert model.table is not None


def test_in_a_pipeline_and_a_grid_search():
    pipeline = make_pipeline(StandardScaler(), classifier(20))
    search = GridSearchCV(pipeline, {"aaeclassifier__options": [SMALL, {**SMALL, "z": 2}]}, cv=2)
    search.fit(X, TRUE)
    assert search.best_score_ > 0.5
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    embedding = make_pipeline(AAEEmbedder(options=SMALL, max_iter=5, random_state=0), StandardScaler())
    assert embedding.fit_transform(X).shape == (120, 3)  # options win over n_components


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_data_frames(frame):
    rows = frame(dict(zip("abcd", X.T, strict=True)))
    model = AAEEmbedder(options=SMALL, max_iter=5, random_state=0).set_output(
        transform="pandas" if frame is pd.DataFrame else "polars")  # fmt: skip
    codes = model.fit(rows).transform(rows)
    assert isinstance(codes, frame)
    assert list(codes.columns) == ["z0", "z1", "z2"]
    assert list(model.feature_names_in_) == list("abcd")


def test_images():
    y = np.where(np.arange(60) % 2, load_digits().target[:60], -1)
    model = AAEClassifier(options=SMALL, max_iter=5, random_state=0).fit(IMAGES, y)
    assert model.model_.shape == (8, 8)
    assert model.predict(IMAGES).shape == (60,)
    drawn = model.sample(3)
    assert (drawn.shape, drawn.dtype) == ((3, 8, 8), np.uint8)
    assert model.inverse_transform(model.transform(IMAGES)).shape == IMAGES.shape
    with pytest.raises(ValueError, match=r"X: images of shape .* have values from -0.5 to"):
        model.fit(IMAGES / 255.0 - 0.5, y)
    with pytest.raises(ValueError, match="The model takes rows of shape"):
        model.predict(IMAGES[:, :, :7])


def test_images_of_numbers_are_read_in_the_range_of_the_fit():
    y = np.where(np.arange(60) % 2, load_digits().target[:60], -1)
    bytes_of = AAEClassifier(options=SMALL, max_iter=5, random_state=0).fit(IMAGES, y)
    model = AAEClassifier(options=SMALL, max_iter=5, random_state=0).fit(IMAGES.astype(np.uint16) * 16, y)
    assert model.model_.pictures.arrays == (0, 4095)
    dark = IMAGES[:4] // 16  # as images of their own they would be read from 0 to 15
    found = model.predict_proba(dark.astype(np.uint16) * 16)
    assert np.allclose(found, bytes_of.predict_proba(dark), atol=0.02)
    assert pickle.loads(pickle.dumps(model)).model_.pictures == model.model_.pictures


def test_clusters():
    model = AAEClusterer(3, options={**SMALL, "hidden": [64]}, max_iter=300, random_state=0)
    labels = model.fit_predict(X)
    assert np.array_equal(labels, model.labels_)
    assert np.array_equal(labels, model.predict(X))
    assert set(labels.tolist()) <= {0, 1, 2}
    assert model.transform(X).shape == (120, 6)
    assert model.sample(4, 1, random_state=0).shape == (4, 4)


def test_clusters_of_given_frequencies():
    draw = np.random.default_rng(1)
    rows = np.concatenate([draw.normal(0, 1, (380, 4)), draw.normal((0, 12, 0, 0), 1, (20, 4))])
    order = draw.permutation(400)  # a seed with which the small group once joined the large one
    found = AAEClusterer(2, options={"class_prior": [380, 20]}, random_state=1).fit_predict(rows[order])
    assert np.array_equal(found, (order >= 380).astype(int))


def test_few_labels_of_a_class_that_is_rare_among_the_rows(whole_forests):
    digits = load_digits()
    frequent, rare = (np.flatnonzero(digits.target == digit)[:count] for digit, count in ((0, 178), (1, 12)))
    rows = digits.data[np.concatenate([frequent, rare])]
    truth = np.repeat([0, 1], [178, 12])
    labels = np.where(np.isin(np.arange(190), [0, 40, 80, 120, 178, 181, 184, 187]), truth, -1)
    found = AAEClassifier(random_state=0).fit(rows, labels).predict(rows)
    assert (found != truth).sum() <= 10  # with batch norm, 50 zeros were taken for ones


@pytest.mark.parametrize(("seed", "labels"), [(0, 1), (1, 2)])
def test_a_class_of_three_in_a_hundred(seed, labels, whole_forests):
    """40 labels, one or two of the rare class: at least as good as logistic regression, which finds next to none."""
    draw = np.random.default_rng(seed)
    truth = (draw.random(6000) < 0.03).astype(int)
    rows = draw.normal(size=(6000, 10)) + 1.3 * truth[:, None]
    known = np.r_[np.flatnonzero(truth[:3000] == 1)[:labels], np.flatnonzero(truth[:3000] == 0)[: 40 - labels]]
    given = np.full(3000, -1)
    given[known] = truth[known]
    model = AAEClassifier(max_iter=200, random_state=seed).fit(rows[:3000], given)
    assert model.class_prior_ == pytest.approx(label_frequencies([40 - labels, labels]))
    found = model.predict(rows[3000:])
    assert 0.015 <= found.mean() <= 0.06
    usual = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows[known], truth[known]).predict(rows[3000:])
    assert balanced_accuracy_score(truth[3000:], found) >= balanced_accuracy_score(truth[3000:], usual)


@pytest.mark.parametrize(("classes", "given", "weights"), [
    ([0, 1], None, None), ([0, 1], "balanced", "balanced"), ([0, 1], {0: 1, 1: 5}, [1, 5]),
    (["a", "b"], {"b": 2.5}, [1, 2.5]), ([False, True], {True: 3}, [1, 3]), ([3, 7], {7: np.float32(2)}, [1, 2]),
])  # fmt: skip
def test_weights_of_classes(classes, given, weights):
    assert _class_weights(given, classes) == weights


@pytest.mark.parametrize(("given", "sentence"), [
    ("even", "class_weight must be 'balanced', a dictionary {class: weight} or None, not 'even'"),
    ([1, 2, 3], "class_weight must be 'balanced', a dictionary"),
    ({0: 1, 9: 1}, "class_weight names 9, which is no class of y; its classes begin with 0, 1, 2"),
    ({0: -1}, "The option class_weight takes .* list of numbers above 0"),
    ({0: "much"}, "class_weight takes .* list of numbers above 0"),
])  # fmt: skip
def test_weights_that_cannot_be_used(given, sentence):
    with pytest.raises(AAEError, match=re.escape(sentence) if "takes" not in sentence else sentence):
        AAEClassifier(options=SMALL, max_iter=1, class_weight=given).fit(X, Y)


def test_a_label_counts_by_the_weight_of_its_class():
    """Two classes that cannot be told apart: the heavier one takes all rows."""
    rows = np.random.default_rng(0).normal(size=(60, 3))
    for heavy in (0, 1):
        model = AAEClassifier(options=SMALL, max_iter=60, random_state=0, class_weight={heavy: 50.0})
        assert (model.fit(rows, np.arange(60) % 2).predict(rows) == heavy).mean() > 0.8


def test_the_code_has_n_components():
    model = AAEEmbedder(n_components=4, max_iter=3, random_state=0).fit(X)
    assert model.transform(X).shape == (120, 4)
    assert model.transform(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize(("y", "sentence"), [
    (None, "requires y to be passed"),
    (np.full(120, -1), "at least two classes are needed; found 0 class"),
    (np.zeros(120), "at least two classes are needed; found 1 class"),
    (Y[:100], r"Labels need the shape \(120,\)"),
    (np.linspace(0, 1, 120), "Unknown label type"),
])
def test_labels_that_cannot_be_used(y, sentence):
    with pytest.raises(ValueError, match=sentence):
        classifier(3).fit(X, y)


def test_options_that_do_not_exist():
    with pytest.raises(AAEError, match="There is no option 'hiden'; did you mean 'hidden'"):
        AAEClassifier(options={"hiden": [3]}).fit(X, Y)


@pytest.mark.parametrize("kind", ALL)
def test_methods_before_fit(kind):
    for call in ("predict", "transform", "score_samples", "inverse_transform"):
        if hasattr(kind, call):
            with pytest.raises(NotFittedError):
                getattr(kind(), call)(X)
    with pytest.raises(NotFittedError):
        kind().sample(2)


def test_outliers():
    rng = np.random.default_rng(0)
    normal, strange = rng.normal(size=(300, 4)) @ rng.normal(size=(4, 6)), rng.normal(size=(40, 6)) * 6
    model = AAEOutlierDetector(contamination=0.05, max_iter=150, random_state=0).fit(normal)
    scores = model.score_samples(np.r_[normal, strange])
    assert np.mean(scores[:300, None] > scores[None, 300:]) > 0.9
    assert (model.predict(normal) == -1).mean() == pytest.approx(0.05, abs=0.01)
    assert (model.predict(strange) == -1).mean() > 0.8
    assert np.allclose(model.decision_function(normal), model.score_samples(normal) - model.offset_)


@pytest.mark.parametrize("share", [0.0, 0.7, -1, None, "automatic", True, np.nan, [0.1]])
def test_a_share_of_outliers_that_cannot_be(share):
    with pytest.raises(AAEError, match=r'contamination must be above 0 and at most 0\.5, or "auto", not'):
        AAEOutlierDetector(contamination=share, max_iter=3).fit(X)


def test_outliers_are_found_without_their_share():
    rng = np.random.default_rng(0)
    normal, strange = rng.normal(size=(390, 4)) @ rng.normal(size=(4, 6)), rng.normal(size=(10, 6)) * 20
    model = AAEOutlierDetector("auto", random_state=0, max_iter=150).fit(np.r_[normal, strange])
    scores = model.score_samples(np.r_[normal, strange])
    spread = 1.4826 * np.median(np.abs(scores - np.median(scores)))
    assert model.offset_ == pytest.approx(np.median(scores) - 3 * spread)
    assert (model.predict(normal) == -1).mean() < 0.02
    assert (model.predict(strange) == -1).mean() > 0.8
    same = AAEOutlierDetector("auto", max_iter=2).fit(np.ones((20, 3)))
    assert (same.predict(np.ones((20, 3))) == 1).all()


@pytest.mark.parametrize("kind", ["wide", "group", "shifted"])
def test_one_in_twenty_in_twenty_columns_is_found(kind):
    rng = np.random.default_rng(0)
    usual, noise = rng.normal(size=(950, 20)), rng.normal(size=(50, 20))
    strange = {"wide": 3 * noise, "group": 4 + 0.3 * noise, "shifted": noise + 3 * rng.choice([-1, 1], (50, 20))}[kind]
    model = AAEOutlierDetector("auto", random_state=0, options=SMALL, max_iter=2).fit(np.r_[usual, strange])
    assert (model.predict(strange) == -1).mean() > 0.95
    assert (model.predict(usual) == -1).mean() < 0.02
    assert (model.predict(rng.normal(size=(950, 20))) == -1).mean() < 0.02


def test_rare_categories_and_truth_values_are_outliers():
    rng = np.random.default_rng(0)
    flags = (rng.random((500, 20)) < 0.3).astype(float)
    flags[:, 0] = 0
    flags[:2, 0] = 1
    model = AAEOutlierDetector(random_state=0, options=SMALL, max_iter=2).fit(flags)
    assert model.score_samples(flags)[:2].max() < np.quantile(model.score_samples(flags), 0.02)


def test_a_rare_category_is_an_outlier():
    rng = np.random.default_rng(0)
    towns = np.where(np.arange(300) < 3, "Rome", rng.choice(["Bonn", "Ulm"], 300))
    frame = pd.DataFrame({"age": rng.normal(40, 9, 300), "town": towns})
    scores = AAEOutlierDetector(random_state=0, options=SMALL, max_iter=2).fit(frame).score_samples(frame)
    assert scores[:3].max() < np.quantile(scores, 0.05)


def test_a_pickled_detector_scores_the_same():
    model = AAEOutlierDetector(random_state=0, options=SMALL, max_iter=2).fit(X)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).score_samples(X), model.score_samples(X))


def test_images_of_another_kind_are_outliers():
    digits = load_digits()
    zeros, others = digits.images[digits.target == 0], digits.images[digits.target != 0][:200]
    options = {"hidden": (64,), "discriminator_hidden": (16,), "z": 16, "batch_size": 64, "lr": 0.003}
    model = AAEOutlierDetector(random_state=0, options=options, max_iter=60).fit(zeros[:120].astype(np.uint8))
    scores = model.score_samples(np.r_[zeros[120:], others].astype(np.uint8))
    assert np.mean(scores[: len(zeros) - 120, None] > scores[None, len(zeros) - 120 :]) > 0.97


def test_references_drawn_from_shallow_images_are_read_once(monkeypatch):
    shallow = IMAGES // 16  # bytes up to 15, which are read from 0 to 15
    fitted = []
    for most in (1000, len(shallow) - 1):
        monkeypatch.setattr(outlier_detector, "MAX_REFERENCES", most)
        fitted.append(AAEOutlierDetector(max_iter=2, random_state=0).fit(shallow).score_samples(shallow[:20]))
    assert np.median(np.abs(fitted[0] - fitted[1])) < 0.1  # one reference fewer of 60


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_few_rows(count):
    for kind in (AAEClusterer, AAEEmbedder, AAEOutlierDetector):
        model = kind(options=SMALL, max_iter=2, random_state=0).fit(X[:count])
        for call in ("predict", "transform", "score_samples"):
            if hasattr(model, call):
                assert len(getattr(model, call)(X[:1])) == 1


@pytest.mark.parametrize("kind", ALL)
def test_one_row_is_too_few(kind):
    with pytest.raises(ValueError, match=f"1 sample.*while a minimum of 2 is required by {kind.__name__}"):
        kind(max_iter=2).fit(X[:1], Y[:1])


DAYS = pd.date_range("2024-01-01", periods=30)
FRAME = pd.DataFrame(X[:30], columns=list("abcd"))


@pytest.mark.parametrize(("rows", "sentence"), [
    (FRAME.assign(d=DAYS), r"Row 0 has '2024-01-01 00:00:00' \(Timestamp\) in column 'd', which is not a number"),
    (FRAME.assign(d=[pd.NaT, *DAYS[1:]]).astype(object), r"has 'NaT' \(NaTType\) in column 'd'"),
    (FRAME.assign(d=DAYS - DAYS[0]), r"\(Timedelta\) in column 'd'"),
    (FRAME.assign(d=DAYS.to_period("D")), r"\(Period\) in column 'd'"),
    (pl.DataFrame({"a": np.ones(30), "b": 1, "c": 2, "d": list(DAYS)}), "in column 'd', which is not a number; turn"),
])
def test_dates_where_the_training_had_numbers(rows, sentence):
    model = AAEEmbedder(options=SMALL, max_iter=2).fit(FRAME)
    with pytest.raises(AAEError, match=sentence):
        model.transform(rows)


@pytest.mark.parametrize(("named", "sentence"), [
    ({"max_iter": "many"}, "max_iter must be a whole number of at least 1, not 'many'"),
    ({"max_iter": 0}, "max_iter must be a whole number of at least 1, not 0"),
    ({"max_iter": 1.5}, "max_iter must be a whole number"),
    ({"options": ["z"]}, "options must be a dictionary, such as"),
])
def test_arguments_of_a_wrong_kind(named, sentence):
    with pytest.raises(AAEError, match=sentence):
        AAEEmbedder(**named).fit(X)


def test_numbers_of_numpy_are_numbers():
    model = AAEEmbedder(np.int64(2), max_iter=np.int64(2), options={"hidden": [8], "lr": np.float64(0.01)}).fit(X)
    assert (model.n_iter_, model.transform(X).shape) == (2, (120, 2))


@pytest.mark.parametrize(("n", "y", "sentence"), [
    (-1, None, "n must be a whole number of at least 0, not -1"), (2.5, None, "n must be a whole number"),
    (3, [0, 1], "y must be one class, or one for each of the 3 rows"), (2, pd.NA, "There is no class <NA>"),
    (2, pd.NaT, "There is no class NaT"),
])
def test_draws_that_cannot_be(fitted, n, y, sentence):
    with pytest.raises(AAEError, match=sentence):
        fitted.sample(n, y)


def test_fits_in_threads_are_the_fits_of_one_after_the_other(fitted, monkeypatch):
    monkeypatch.setattr(generators, "TURN", 0.0)
    data = pickle.dumps(fitted)
    expected = [classifier(15).set_params(random_state=seed).fit(X, Y).predict_proba(X) for seed in range(2)]
    models = [classifier(15).set_params(random_state=seed) for seed in range(2)]
    threads = [threading.Thread(target=model.fit, args=(X, Y)) for model in models]
    before = torch.get_rng_state()
    for thread in threads:
        thread.start()
    drawn = [pickle.loads(data).sample(3, random_state=1) for _ in range(5)]  # in between
    for thread in threads:
        thread.join()
    assert all(np.array_equal(m.predict_proba(X), p) for m, p in zip(models, expected, strict=True))
    assert all(np.array_equal(d, fitted.sample(3, random_state=1)) for d in drawn)
    assert torch.equal(torch.get_rng_state(), before)


def test_numbers_that_float32_does_not_tell_apart():
    """Seconds since 1970, of which the class decides by a minute."""
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    rows = np.stack([1.7e9 + 60 * y + rng.normal(0, 8, 200), rng.normal(size=200)], 1)
    options = {"hidden": (32,), "discriminator_hidden": (32,)}
    model = AAEClassifier(options=options, random_state=0, max_iter=100).fit(rows, y)
    assert (model.predict(rows) == y).mean() > 0.95
    drawn = model.sample(50, y=1, random_state=0)
    assert drawn.dtype == np.float64
    assert len(np.unique(drawn[:, 0])) > 10


def test_a_fill_value_is_told():
    rows = np.random.default_rng(0).normal(size=(60, 3))
    rows[5, 1] = -9999
    with pytest.warns(UserWarning, match=r"X: some numbers are far from all others in .*: 1 -9999 \(1 in all"):
        AAEEmbedder(random_state=0, max_iter=2).fit(rows)


def test_contamination_auto_leaves_usual_rows_alone_that_repeat():
    """Of few values, most distances are equal, and half of them say nothing of the spread of the others."""
    generator = np.random.default_rng(0)
    bits = generator.integers(0, 2, (100, 4))
    letters = pd.DataFrame({"letter": generator.choice(list("xyz"), 100)})
    for rows in (bits, letters):
        assert (AAEOutlierDetector("auto", max_iter=3, random_state=0).fit_predict(rows) < 0).sum() <= 2


def test_a_change_in_a_constant_column_is_an_outlier():
    rows = np.c_[np.random.default_rng(0).normal(size=(100, 4)), np.ones(100)]
    found = AAEOutlierDetector("auto", max_iter=3, random_state=0).fit(rows)
    assert found.predict([[0, 0, 0, 0, 1.0], [0, 0, 0, 0, 2.0], [0, 0, 0, 0, 1e6]]).tolist() == [1, -1, -1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_fit_is_no_fit(number):
    code = (
        "import os, numpy as np, aae\n"
        "from aae.training.trainer import Trainer\n"
        "step = Trainer.train_step\n"
        "def interrupted(self):\n"
        f"    self.step == 5 and os.kill(os.getpid(), {int(number)})\n"
        "    return step(self)\n"
        "Trainer.train_step = interrupted\n"
        "aae.AAEEmbedder(max_iter=10**7).fit(np.random.default_rng(0).normal(size=(50, 3)))\nprint('fitted')"
    )
    done = python(code)
    assert "fitted" not in done.stdout
    assert done.returncode in (-number, 1), done.stderr


def test_a_classifier_of_clusters_is_refused():
    with pytest.raises(AAEError, match="drop the option y"):
        AAEClassifier({"y": "clusters"}, max_iter=1).fit(X, Y)


def test_options_may_be_arrays():
    found = AAEClassifier({**QUICK, "class_prior": np.array([0.5, 0.3, 0.2])}, max_iter=1).fit(X, Y)
    assert found.class_prior_ == pytest.approx([0.5, 0.3, 0.2])


VECTORS, GROUPS = groups(120, 256, apart=1.0)


@pytest.fixture(scope="module")
def of_vectors():
    return AAEClassifier(max_iter=40, random_state=0).fit(VECTORS, only(GROUPS, 4))


def test_vectors_of_encoders_have_a_table_and_settings_of_their_own(of_vectors):
    assert of_vectors.model_.table.vectors
    assert of_vectors.model_.trunk.unit_length
    assert of_vectors.score(VECTORS, GROUPS) > 0.9
    assert set(of_vectors.baselines_) == {"logistic_regression"}
    assert of_vectors._fit_table(VECTORS).vectors
    assert not of_vectors._fit_table(VECTORS[:, :255]).vectors
    assert not of_vectors._fit_table(np.where(VECTORS > 3, np.nan, VECTORS)).vectors


def test_vectors_in_double_are_classified_the_same(of_vectors):
    assert np.allclose(of_vectors.predict_proba(VECTORS.astype(np.float64)), of_vectors.predict_proba(VECTORS))


def test_vectors_from_a_pickle(of_vectors):
    twin = pickle.loads(pickle.dumps(of_vectors))
    assert (twin.model_.table.vectors, twin.model_.trunk.unit_length) == (True, True)
    assert np.array_equal(twin.predict_proba(VECTORS), of_vectors.predict_proba(VECTORS))


def test_vectors_in_a_saved_model(of_vectors, tmp_path):
    save_model(of_vectors.model_, tmp_path / "model.safetensors")
    twin = load(tmp_path / "model.safetensors")
    assert (twin.table.vectors, twin.table.roots, twin.trunk.unit_length) == (True, False, True)


def test_clusters_of_vectors():
    clusterer = AAEClusterer(3, max_iter=60, random_state=0).fit(VECTORS)
    assert clusterer.model_.table.vectors
    assert len(set(zip(clusterer.labels_.tolist(), GROUPS.tolist(), strict=True))) == 3


@pytest.mark.parametrize("rows", [3, 5])
def test_fewer_vectors_than_clusters(rows):
    clusterer = AAEClusterer(8, options=SMALL, max_iter=2, random_state=0).fit(VECTORS[:rows])
    assert clusterer.model_.table.vectors
    assert clusterer.labels_.shape == (rows,)


@pytest.mark.parametrize("kind", [AAEEmbedder, AAEOutlierDetector])
def test_vectors_in_the_other_estimators(kind):
    assert kind(options=SMALL, max_iter=2, random_state=0).fit(VECTORS).model_.table.vectors
