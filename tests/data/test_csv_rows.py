"""Rows of CSV files that are no data."""

import pytest

from aae.data.csv_files import read_csv
from aae.data.dataset import ReadOptions
from aae.system.errors import AAEError

ROWS = [f"{k}.5,red,{k % 3}" for k in range(20)]


def read(folder, lines, hints=False, **options):
    path = folder / "a.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_csv(path, ReadOptions(**options), hints)


@pytest.mark.parametrize("end", ["", '1.5,blue",3'])
def test_a_quote_that_is_not_closed(tmp_path, end):
    lines = ["a,b,c", *ROWS[:3], '7.5,"red,1', *ROWS[4:], end]
    with pytest.raises(AAEError, match=r"a cell .* begins .*red,1'.* spans \d+ lines.* close its quote"):
        read(tmp_path, lines)


def test_long_texts_are_no_unclosed_quotes(tmp_path):
    lines = ["a,b,c", *ROWS[:3], '7.5,"Dear all,', "we met, as said.", "", "Yours",'Ann",1', *ROWS]
    assert read(tmp_path, lines).table.num_rows == 24


def test_blank_rows_and_comments(tmp_path):
    lines = ["a,b,c", *ROWS[:3], ",,", " ,,", "# checked,,", *ROWS[3:]]
    file = read(tmp_path, lines)
    assert file.table.num_rows == 20
    assert [note.split(": ", 1)[1] for note in file.notes] == [
        "left out 1 comment line among the rows.", "left out 2 empty rows."]  # fmt: skip
    other = read(tmp_path, lines, hints=True)  # rows of a new file keep their places
    assert other.table.num_rows == 22
    assert other.notes[1].endswith("kept 2 empty rows.")
    assert read(tmp_path, ["a,b", *["#fff,"] * 3]).table.num_rows == 3


@pytest.mark.parametrize(("names", "said"), [
    ("5.1,red,1", True), ("5,red,1", True), ("2026-01-02,red,2", True), ("size,colour,kind", False),
    ("size,colour,2", False), ("2019,2020,2021", None), ("name,2019,2020", False), ("0,1,kind", False),
])  # fmt: skip
def test_a_first_row_that_looks_like_data(tmp_path, names, said):
    if said is None:
        with pytest.raises(AAEError, match="holds numbers, not column names"):
            read(tmp_path, [names, *ROWS])
        return
    assert bool(read(tmp_path, [names, "5,red,1", *ROWS]).notes) == said


@pytest.mark.parametrize("mark", [":", "^", " "])
def test_a_single_column_with_another_delimiter(tmp_path, mark):
    lines = [line.replace(",", mark) for line in ["a,b,c", "1,2,3", "4,5,6"]]
    with pytest.raises(AAEError, match=r"has a single column .*--delimiter"):
        read(tmp_path, lines)
    assert read(tmp_path, lines, delimiter=mark).table.num_columns == 3
    assert read(tmp_path, lines, delimiter="comma").table.num_columns == 1
    assert read(tmp_path, ["full name", "Ann Lee", "Bo Ek"]).table.num_columns == 1
