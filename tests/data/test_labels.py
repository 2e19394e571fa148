import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

from aae.data.labels import MARKS, class_indices, class_key, read_labels
from aae.system.errors import AAEError


def read(values, classes=None, **options):
    return read_labels(values, len(values), "set.csv", classes, **options)


def named(values, **options):
    """The class name of every row, None for none."""
    labels = read(values, **options)
    return [labels.classes[k] if k >= 0 else None for k in labels.y]


DAY = datetime.date(2026, 1, 2)
# Labels, and the class names that they are.
NAMES = {
    "-1 among whole numbers": (["-1", "0", "1"], [None, "0", "1"]),
    "-1 among numbers": ([-1, 0, 2], [None, 0, 2]),
    "-1.0 among numbers": ([-1.0, 0.0, 2.0], [None, 0, 2]),
    "-1.0 as text": (["-1.0", "0.0", "2.0"], [None, "0.0", "2.0"]),
    "-1 and 1 alone": (["-1", "1", "1"], ["-1", "1", "1"]),
    "-1 among texts": (["-1", "cat", "dog"], ["-1", "cat", "dog"]),
    "-1 among negative numbers": ([-1, -2, 3], [-1, -2, 3]),
    "only -1": ([-1, -1], [None, None]),
    "a country": (["NA", "DE", "FR"], ["NA", "DE", "FR"]),
    "marks of absence are texts": (["nan", "NULL", "None", "?"], ["nan", "NULL", "None", "?"]),
    "blank texts": (["", "  ", "\t", "a"], [None, None, None, "a"]),
    "blanks at the ends": (["p", "p ", "\u00a0p", "\ufeffp"], ["p"] * 4),
    "blanks inside stay": (["a b", "a b "], ["a b", "a b"]),
    "twenty digits": (["12345678901234567890", "12345678901234567891"],
                      ["12345678901234567890", "12345678901234567891"]),
    "leading zeros": (["007", "012"], ["007", "012"]),
    "as it was written": (["1.0", "2.0"], ["1.0", "2.0"]),
    "one number written in two ways": (["1.0", "1", "1", "2"], ["1", "1", "1", "2"]),
    "truth": (["True", "False"], ["True", "False"]),
    "truth as values": (np.array([True, False]), ["True", "False"]),
    "truth as objects, beside numbers": ([True, 1, 2], ["True", 1, 2]),
    "dates": (["2026-01-02", "2026-01-03"], ["2026-01-02", "2026-01-03"]),
    "dates as values": ([DAY, datetime.datetime(2026, 1, 3), None], ["2026-01-02", "2026-01-03", None]),
    "dates of numpy": (np.array(["2026-01-02", "NaT"], "datetime64[s]"), ["2026-01-02", None]),
    "times": ([datetime.datetime(2026, 1, 3, 4, 5)], ["2026-01-03 04:05:00"]),
    "one character in two encodings": (["caf\u00e9", "cafe\u0301"], ["caf\u00e9"] * 2),
    "None and NaN": ([None, np.nan, "a"], [None, None, "a"]),
    "NaN among numbers": (np.array([np.nan, 3.0]), [None, 3]),
    "pandas' NA": (pd.Series([1, None], dtype="Int64"), [1, None]),
    "pandas' NaT": (pd.Series([pd.Timestamp(2026, 1, 2), None]), ["2026-01-02", None]),
    "pandas' categories": (pd.Series(["b", None], dtype="category"), ["b", None]),
    "pandas' texts": (pd.Series(["b", None], dtype="string"), ["b", None]),
    "polars": (pl.Series(["b", None]), ["b", None]),
    "masked": (np.ma.array([4, 5], mask=[True, False]), [None, 5]),
    "bytes": (np.array([b"a", b"b"]), ["a", "b"]),
    "bytes that are no UTF-8": (np.array([b"caf\xe9", b"caf\xe8"]), ["caf\u00e9", "caf\u00e8"]),
    "one column": (np.array([[4], [5]]), [4, 5]),
    "numbers above 2^53": (np.array([2**53, 2**53 + 1]), [2**53, 2**53 + 1]),
    "few fractions": ([0.5, 1.5] * 20, [0.5, 1.5] * 20),
}


@pytest.mark.parametrize("case", NAMES)
def test_what_is_a_class_and_what_is_none(case):
    values, names = NAMES[case]
    assert named(values) == names


def test_numpy_makes_texts_of_nan_among_texts_and_that_is_said():
    labels = read(np.array(["cat", "dog", np.nan]))
    assert labels.classes == ["cat", "dog", "nan"]
    assert labels.notes == ("labels: 1 row has 'nan', which is read as a class; if it means 'not labelled', leave the "
                            "label empty, or call the folder 'unlabelled'.",)  # fmt: skip


@pytest.mark.parametrize("mark", sorted(MARKS))
def test_texts_that_look_like_a_mark_of_absence_are_counted(mark):
    labels = read(["cat", mark.upper(), mark.upper()])
    assert len(labels.classes) == 2
    assert labels.notes[0].startswith(f"labels: 2 rows have {mark.upper()!r}, which is read as a class")


@pytest.mark.parametrize(("values", "note"), [
    ([-1] * 212 + [0, 1], "labels: 212 rows have -1, read as not labelled; if -1 is a class, give it a name."),
    (["-1", "1"], "labels: -1 and 1 are read as two classes."),
    (["1", "1", "1.0", "2"], "labels: 1 row has '1.0', read as the class '1'."),
    (["Cat", "cat", "dog"], "labels: 'Cat' and 'cat' are read as different classes."),
    (["a  b", "a b"], "labels: 'a  b' and 'a b' are read as different classes."),
    (["007", "7"], "labels: '007' and '7' are read as different classes."),
])
def test_notes(values, note):
    assert read(values).notes == (note,)


@pytest.mark.parametrize("values", [["cat", "dog", None, "dog"], [0, 1, 2, 10], ["2026-01-01", "2026-01-02", "", ""]])
def test_nothing_is_said_of_ordinary_labels(values):
    assert read(values).notes == ()


@pytest.mark.parametrize(("values", "classes"), [
    (["10", "9", "b", "a"], ["9", "10", "a", "b"]), ([10, 9], [9, 10]), (["10", "09", "9"], ["09", "9", "10"]),
])
def test_classes_are_sorted_numbers_by_size(values, classes):
    assert read(values).classes == classes


RNG = np.random.default_rng(0)


@pytest.mark.parametrize("values", [
    RNG.normal(size=100), [f"{v:.3f}" for v in RNG.normal(size=100)], RNG.integers(0, 10**6, 100),
    np.round(RNG.normal(size=2000), 1),
], ids=["numbers", "texts", "whole", "rounded"])
def test_measurements_are_refused(values):
    with pytest.raises(AAEError, match=r"set.csv: y looks like a measurement, not a class"):
        read(values)


@pytest.mark.parametrize("values", [
    np.arange(100), RNG.integers(0, 1000, 3000), [f"{k:05}" for k in range(0, 9000, 90)], [0.5, 1.0, 1.5] * 10,
    [1, 5, 900],
], ids=["one label a class", "many classes", "codes", "half stars", "far apart"])
def test_many_classes_are_no_measurement(values):
    assert len(read(values).classes) == len(set(values))


@pytest.mark.parametrize(("values", "sentence"), [
    (np.zeros((3, 2)), r"3 rows but labels of shape \(3, 2\)"),
    ([1.0, np.inf], "a label is infinite"),
])
def test_labels_that_cannot_be_used(values, sentence):
    with pytest.raises(AAEError, match=sentence):
        read(values)


@pytest.mark.parametrize(("values", "classes", "numbers"), [
    ([1, 0], ["0", "1"], [1, 0]),
    (["1", "0.0", ""], [0, 1], [1, 0, -1]),
    ([True, False], ["False", "True"], [1, 0]),
    (["true"], ["False", "True"], [1]),
    ([1, -1], [0, 1], [1, -1]),
    (["-1", "1"], ["-1", "1"], [0, 1]),
    ([-1, -1], [-1, 1], [0, 0]),
    (["b "], ["a", "b"], [1]),
], ids=str)
def test_labels_of_test_rows_are_matched_by_name(values, classes, numbers):
    assert read(values, classes).y.tolist() == numbers


def test_a_label_that_only_test_rows_have():
    with pytest.raises(AAEError, match=r"set.csv: only test rows have the label 'cow'"):
        read(["cow", "cat"], ["cat", "dog"])
    assert read(["cow", "cat", None], ["cat", "dog"], unknown=-2).y.tolist() == [-2, 0, -1]


def test_counts_of_different_labels_stand_for_rows():
    labels = read([-1, 0, 1], counts=np.array([212, 3, 4]))
    assert labels.notes == ("labels: 212 rows have -1, read as not labelled; if -1 is a class, give it a name.",)
    assert labels.y.tolist() == [-1, 0, 1]


def test_minus_one_is_a_class_where_a_model_knows_it_as_one():
    assert read([-1, -1, 0]).classes == [0]
    assert read([-1, -1], known=[-1, 1]).classes == [-1]
    assert read(["-1", "0"], known=["0", "1"]).y.tolist() == [-1, 0]
    assert read([-1, 1], known=[0, 1]).classes == [1]


def test_no_labels():
    assert read_labels(None, 3, "set.csv").y.tolist() == [-1, -1, -1]


def test_names_are_matched_whatever_their_type():
    assert class_indices([1, "1.0", "01", None, "x", True], ["x", "1", "True"]) == [1, 1, -1, -1, 0, 2]
    assert class_key("007") != class_key(7)
