"""New files are read as the model's table knows its columns, whatever their format."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from aae.data.known_columns import rows_of, unused_note
from aae.data.text_columns import Style
from aae.model.table import Table
from aae.model.unseen import UnseenValues
from aae.system.errors import AAEError

NUMBER = {"mean": 0.0, "scale": 1.0}
DAY = datetime.date(2026, 1, 2)
SECONDS = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC).timestamp()


def read(spec, cells, style=Style(), unseen=None):  # noqa: B008
    table = Table([{"name": "a", **({} if "values" in spec else NUMBER), **spec}], float64=True)
    return rows_of(table, {"a": cells if isinstance(cells, pa.Array) else pa.array(cells)}, "t", style, unseen)[:, 0]


@pytest.mark.parametrize(("spec", "cells", "expected"), [
    ({"kind": "whole"}, ["1", "", "?"], [1, np.nan, np.nan]),
    ({"kind": "whole"}, [1.0, None, 2.5], [1, np.nan, 2.5]),
    ({"kind": "number"}, [True, False], [1, 0]),
    ({"kind": "number", "decimal": ","}, ["3,5", "1,234"], [3.5, 1.234]),
    ({"kind": "number"}, ["3,5", "4"], [3.5, 4]),  # the file's own mark
    ({"kind": "number", "decimal": ","}, ["3.5", "4"], [3.5, 4]),
    ({"kind": "number", "unit": "kg"}, ["12 kg", "13 kg"], [12, 13]),
    ({"kind": "number", "unit": "kg"}, [12, 13], [12, 13]),
    ({"kind": "number", "unit": "kg"}, ["12", "13"], [12, 13]),
    ({"kind": "boolean"}, ["TRUE", "false", "1", "0", ""], [1, 0, 1, 0, np.nan]),
    ({"kind": "boolean"}, [1, 0, None], [1, 0, np.nan]),
    ({"kind": "date"}, ["2026-01-02", "2026-01-02T01:00+01:00"], [SECONDS, SECONDS]),
    ({"kind": "date"}, pa.array([DAY, None]), [SECONDS, np.nan]),
    ({"kind": "date"}, pa.array([DAY], pa.date64()), [SECONDS]),
    ({"kind": "date"}, pa.array([datetime.datetime(2026, 1, 2)], pa.timestamp("us")), [SECONDS]),
    ({"kind": "date"}, pa.array([datetime.datetime(2026, 1, 2)], pa.timestamp("ns", "UTC")), [SECONDS]),
    ({"kind": "date", "order": "dmy"}, ["2.1.2026", "02/01/2026", "2026-01-02"], [SECONDS] * 3),
    ({"kind": "date", "order": "mdy"}, ["1/2/2026"], [SECONDS]),
    ({"kind": "time"}, ["00:01", "1:00 am"], [60, 3600]),
    ({"kind": "time"}, pa.array([datetime.time(0, 1)]), [60]),
    ({"values": ["01", "02", "A1"]}, ["01", "02", "01"], [0, 1, 0]),
    ({"values": ["1", "2"]}, ["1", " 2 ", "1.0"], [0, 1, 0]),
    ({"values": ["1", "2"]}, [1, 2, None], [0, 1, np.nan]),
    ({"values": ["1", "2"]}, [1.0, 2.0], [0, 1]),
    ({"values": ["1", "2"]}, pa.array([1, 2]).dictionary_encode(), [0, 1]),
    ({"values": ["False", "True"]}, [True, False], [1, 0]),
    ({"values": ["NA", "x"]}, ["NA", "x", ""], [0, 1, np.nan]),
])  # fmt: skip
def test_cells_by_kind(spec, cells, expected):
    assert np.array_equal(read(spec, cells), expected, equal_nan=True)


def test_models_of_older_versions_read_as_they_did():
    """Their columns have no kind: dates were numbers in the unit of the file."""
    moments = pa.array([datetime.datetime(1970, 1, 1, 0, 0, 1)], pa.timestamp("ms"))
    assert read({}, moments).tolist() == [1000]
    assert read({}, pa.array([datetime.date(1970, 1, 2)])).tolist() == [86400]
    assert read({}, ["1970-01-01 00:00:01"]).tolist() == [1]
    assert read({}, ["true", "false"]).tolist() == [1, 0]
    assert read({}, ["1.5", ""])[0] == 1.5
    assert read({"values": [" red", "blue"]}, [" red", "blue", "red"], unseen=UnseenValues()).tolist() == [0, 1, 0]


@pytest.mark.parametrize(("spec", "cells", "sentence"), [
    ({"kind": "whole"}, ["1", "abc", "x"], r"row 1, column a: 'abc' is no number, nor is 'x' in row 2; the model"),
    ({"kind": "number"}, ["2026-01-02"], "row 0, column a: '2026-01-02' is no number; the model accepts"),
    ({"kind": "number"}, pa.array([DAY]), "holds date32.*, but the model takes numbers there"),
    ({"kind": "number", "unit": "kg"}, ["12 g"], "row 0, column a: '12 g', but the model takes numbers in kg there"),
    ({"kind": "number"}, ["1,234"], "row 0, column a: '1,234' may be 1.234 or 1234"),
    ({"kind": "number"}, ["12 kg"], "row 0, column a: '12 kg', but the model takes numbers without a unit there"),
    ({"kind": "number"}, ["12 %", "13"], "row 0, column a: '12 %', but the model takes numbers without a unit there"),
    ({"kind": "date"}, [5], "holds int64, but the model takes dates there"),
    ({"kind": "date"}, ["5"], "row 0, column a: '5' is no date; the model"),
    ({"kind": "date"}, ["31.12.2026"], "'31.12.2026' is no date as year-month-day"),
    ({"kind": "date", "order": "mdy"}, ["31/12/2026"], "'31/12/2026' is no date with month first as year-month-day"),
    ({"kind": "boolean"}, ["maybe"], "'maybe' is no truth value"),
    ({"values": ["a"]}, ["b"], "row 0, column a: 'b' is a category that the model has not seen"),
])  # fmt: skip
def test_cells_of_another_kind(spec, cells, sentence):
    with pytest.raises(AAEError, match=f"^t[:,] .*{sentence}"):
        read(spec, cells)


def test_a_comma_is_read_as_in_the_other_columns_of_the_file():
    table = Table([{"name": name, "kind": "number", **NUMBER} for name in "ab"])
    cells = {"a": pa.array(["1,234", "2,345"]), "b": pa.array(["3,5", "4"])}
    assert rows_of(table, cells, "t", Style(), None)[:, 0].tolist() == pytest.approx([1.234, 2.345])
    assert rows_of(table, cells | {"b": pa.array(["3.5", "4"])}, "t", Style(), None)[:, 0].tolist() == [1234, 2345]


def test_unseen_categories_are_counted():
    unseen = UnseenValues()
    for _ in range(2):
        assert read({"values": ["x"]}, ["x", "y", "", "z", "y"], unseen=unseen)[[1, 3]].tolist() == [-1, -1]
    assert unseen.notes("t") == ["t: 6 of 10 rows hold categories that the model has not seen, read as unknown: "
                                 "a: 'y' (4), 'z' (2)."]  # fmt: skip


def test_columns_by_name():
    table = Table([{"name": "a", **NUMBER}, {"name": " b", **NUMBER}])
    cells = {"c": pa.array([1]), "b": pa.array([2]), "a": pa.array([3])}
    assert rows_of(table, cells, "t", Style(), None).tolist() == [[3, 2]]
    assert unused_note(table, list(cells), "t") == ["t: ignored 'c': the model was not trained on it."]
    with pytest.raises(AAEError, match=r"t has none of the columns 'a', ' b', which the model was trained on\.$"):
        rows_of(table, {"usage": pa.array([1])}, "t", Style(), None)
    table = Table([{"name": "age", **NUMBER}])
    with pytest.raises(AAEError, match=r"t has no column 'age', which the model was trained on; is it 'ages'\?"):
        rows_of(table, {"usage": pa.array([1]), "ages": pa.array([1])}, "t", Style(), None)
