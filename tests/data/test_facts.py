from dataclasses import replace

import numpy as np
import pytest

from aae.data.dataset import Dataset
from aae.data.facts import data_facts, digests_of, valid_facts, what_changed
from aae.data.sources import load_data

RNG = np.random.default_rng(0)


def things(rows=40, **changes):
    x = np.random.default_rng(1).random((rows, 4)).astype(np.float32)
    y = np.arange(rows) % 2
    return replace(Dataset("things", x, y, x[:8] + 2, y[:8], ["a", "bee"]), **changes)


def facts(data):
    return data_facts(data, digests_of(data))


def test_equal_rows_have_equal_digests_in_any_type():
    x = RNG.random((6, 3)).astype(np.float32)
    x[0], x[1] = 0.0, -0.0
    first, second = (digests_of(things(x=rows, y=np.zeros(6, int))).train for rows in (x, x.astype(np.float64)))
    assert np.array_equal(first, second)
    assert first[0] == first[1]
    assert len(np.unique(first)) == 5
    images = load_data("digits")
    assert len(np.unique(digests_of(images).train)) == len(np.unique(images.x.reshape(1437, -1), axis=0))


def test_the_same_data_have_not_changed():
    assert what_changed(facts(things()), facts(things())) == ""
    assert what_changed(facts(load_data("digits")), facts(load_data("digits"))) == ""


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"rows": 42}, "40 training examples -> 42"),
    ({"classes": ["a", "cow"]}, "new class 'cow' (24 rows); missing class 'bee' (24 rows)"),
    ({"y": np.zeros(40, int)}, "other labels ('a' 24 -> 44, 'bee' 24 -> 4)"),
    ({"y": np.full(40, -1)}, "48 labels -> 8 ('a' 24 -> 4, 'bee' 24 -> 4)"),
    ({"y": 1 - np.arange(40) % 2}, "the labels of some rows"),
    ({"x": things().x[::-1]}, "the values or the order of its rows"),
    ({"test_x": things().test_x[:7], "test_y": things().test_y[:7]}, "8 test examples -> 7"),
    ({"classes": ["a", " bee"]}, ""),  # the same name
])
def test_what_changed(changes, sentence):
    assert what_changed(facts(things()), facts(things(**changes))) == sentence


def test_rows_of_a_source_are_counted_whole():
    assert what_changed(facts(things(test_held_out=True)), facts(things(50, test_held_out=True))) == "48 rows -> 58"


def test_columns_of_a_table(tmp_path):
    pytest.importorskip("pyarrow")

    def table(text):
        (tmp_path / "rows.csv").write_text(text + "".join(f"{k},{k % 3 * 7.5},{'ab'[k % 2]}\n" for k in range(40)))
        return facts(load_data(tmp_path / "rows.csv"))

    before = table("x,y,c\n")
    assert before["columns"][-2:] == ["y", "c"]
    assert valid_facts(before)
    assert not valid_facts({**before, "rows": "3"})
    assert not valid_facts({})
    assert "new column z; missing column y" in what_changed(before, table("x,z,c\n"))
