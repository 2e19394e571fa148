"""The line of a file that a row begins in, and the messages that name it."""

import gzip
import re
import shlex

import numpy as np
import pandas as pd
import pytest

from aae.data.csv_files import read_csv
from aae.data.dataset import ReadOptions
from aae.data.sources import load_data
from aae.system.errors import AAEError

ROWS = [f"{20 + k % 50},{'ab'[k % 2]}" for k in range(40)]


def line_of(path, row, **options):
    return read_csv(path, ReadOptions(**options)).lines(row)


@pytest.mark.parametrize(("text", "row", "line"), [
    ("age,kind\n1,a\n2,b\n3,c\n", 2, 4),
    ("age,kind\r\n1,a\r\n2,b\r\n", 1, 3),
    ("age,kind\r1,a\r2,b\r", 1, 3),
    ("# made by hand\n\nage,kind\n1,a\n2,b\n", 1, 5),
    ("Report of May\nage,kind\n1,a\n2,b\n", 0, 3),
    ("sep=;\nage;kind\n1;a\n2;b\n", 1, 4),
    ("age,kind\n1,a\n\n\n2,b\n", 1, 5),  # blank lines are no rows
    ("age,kind\n1,a\n,\n2,b\n3,c\n", 1, 4),  # nor are rows of empty cells
    ("age,kind\n1,a\n# a comment\n2,b\n", 1, 4),
    ("age,kind\n1,a\n# checked,\n2,b\n", 1, 4),
    ('age,kind\n1,"a\nof two lines"\n2,b\n', 1, 4),
    ('age,kind\n1,"says ""no"""\n2,b\n', 1, 3),
    ("\ufeffage,kind\n1,a\n2,b\n", 1, 3),
])  # fmt: skip
def test_lines_of_rows(tmp_path, text, row, line):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8", newline="")
    assert line_of(tmp_path / "a.csv", row) == f"line {line}"


def test_lines_of_other_encodings_and_packed_files(tmp_path):
    text = "age,kind\n1,ä\n2,ö\n3,ü\n"
    (tmp_path / "a.csv").write_bytes(text.encode("utf-16"))
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "c.csv").write_bytes(text.encode("cp1252"))
    assert [line_of(tmp_path / name, 2) for name in ("a.csv", "b.csv.gz")] == ["line 4", "line 4"]
    assert line_of(tmp_path / "c.csv", 2, encoding="cp1252") == "line 4"


def test_a_file_that_is_gone_has_rows_instead_of_lines(tmp_path):
    (tmp_path / "a.csv").write_text("age,kind\n1,a\n2,b\n")
    file = read_csv(tmp_path / "a.csv", ReadOptions())
    (tmp_path / "a.csv").unlink()
    assert file.lines(1) == "row 1"


@pytest.mark.parametrize(("cells", "sentence"), [
    ({2: "forty"}, "a.csv, line 4, column age: 'forty' is no number; correct it, name it with --missing if it stands "
                   "for an empty cell, or read the column as categories with --kind age=category."),
    ({2: "forty", 5: "fifty"}, "line 4, column age: 'forty' is no number, nor is 'fifty' in line 7; correct it"),
    ({2: "forty", 5: "forty"}, "line 4, column age: 'forty' is no number (nor in 1 more cell); correct it"),
    ({39: "Total"}, "line 41, column age: 'Total' is no number; delete the row, which sums up others"),
    ({7: "1 kg"}, "line 9, column age: '1 kg' is no plain number; correct it"),
    ({7: "4O"}, "line 9, column age: '4O' is no plain number; correct it"),
])  # fmt: skip
def test_the_wrong_cell_is_named(tmp_path, cells, sentence):
    rows = [f"{cells.get(k)},{row.split(',')[1]}" if k in cells else row for k, row in enumerate(ROWS)]
    (tmp_path / "a.csv").write_text("\n".join(["age,kind", *rows]) + "\n")
    with pytest.raises(AAEError) as error:
        load_data(tmp_path / "a.csv")
    assert sentence in str(error.value)


def test_rows_of_a_parquet_file_are_named_by_number(tmp_path):
    frame = pd.DataFrame({"age": [*map(str, range(40))], "kind": ["a", "b"] * 20})
    frame.loc[2, "age"] = "forty"
    frame.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(AAEError, match=r"a\.parquet, row 2, column age: 'forty' is no number"):
        load_data(tmp_path / "a.parquet")


def test_dates_in_different_orders_are_both_named(tmp_path):
    dates = [*(f"{k}/01/2026" for k in range(13, 29)), "01/31/2026"]
    (tmp_path / "a.csv").write_text("\n".join(["day,kind", *(f"{date},{k % 2}" for k, date in enumerate(dates))]))
    with pytest.raises(AAEError, match=r"the day first \('13/01/2026' in line 2\) and others \('01/31/2026' in line"):
        load_data(tmp_path / "a.csv")


def test_a_text_with_a_comma_is_quoted_for_missing(tmp_path):
    """The option in the message can be given as it stands."""
    cells = [f'"{k},5"' for k in range(90)] + ['"<0,5"', '"<0,5"']
    (tmp_path / "a.csv").write_text("dose,kind\n" + "".join(f"{cell},{'ab'[k % 2]}\n" for k, cell in enumerate(cells)))
    with pytest.raises(AAEError, match="name it with --missing") as error:
        load_data(tmp_path / "a.csv", ReadOptions(label_column="kind"))
    option = shlex.split(re.search(r"--missing '.+?'", str(error.value))[0])[1]
    data = load_data(tmp_path / "a.csv", ReadOptions(label_column="kind", missing=option))
    assert np.isnan(np.concatenate([data.x, data.test_x])).sum() == 2
