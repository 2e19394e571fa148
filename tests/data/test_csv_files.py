import gzip

import pytest

from aae.data.csv_files import read_csv
from aae.data.dataset import ReadOptions
from aae.system.errors import AAEError, UsageError


def read(folder, text, name="a.csv", **options):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    file = read_csv(folder / name, ReadOptions(**options))
    return {name: file.table.column(name).to_pylist() for name in file.table.column_names}, file


EXPECTED = {"a": ["1", "3"], "b": ["x", "y"]}


@pytest.mark.parametrize("text", [
    "a,b\n1,x\n3,y\n", "a;b\n1;x\n3;y\n", "a\tb\r\n1\tx\r\n3\ty\r\n", "a|b\n1|x\n3|y", "\ufeffa,b\n1,x\n3,y\n",
    "sep=;\na;b\n1;x\n3;y\n", "\n\na,b\n1,x\n3,y\n", " a , b \n1,x\n3,y\n", '"a","b"\n"1","x"\n"3","y"\n',
    "# made by\n# a program\na,b\n1,x\n3,y\n", "#a,b\n1,x\n3,y\n", "# note\n# a,b\n1,x\n3,y\n",
])  # fmt: skip
def test_dialects(tmp_path, text):
    assert read(tmp_path, text)[0] == EXPECTED


def test_a_delimiter_is_told_by_the_lines_and_not_by_the_names(tmp_path):
    assert read(tmp_path, "a, or b;c\n1,5;2\n1,6;3\n")[0] == {"a, or b": ["1,5", "1,6"], "c": ["2", "3"]}
    assert read(tmp_path, "a^b\n1^x\n3^y\n", delimiter="^")[0] == EXPECTED
    assert read(tmp_path, "a;b\n1;x\n3;y\n", delimiter="semicolon")[0] == EXPECTED
    with pytest.raises(UsageError, match="A delimiter is one character, or tab, not 'ab'"):
        read(tmp_path, "a,b\n1,2\n", delimiter="ab")


def test_cells_stay_as_they_are_written(tmp_path):
    text = 'a,b\n007,"x, ""y""\nz"\n1.0,\n NA ,None\n'
    assert read(tmp_path, text)[0] == {"a": ["007", "1.0", " NA "], "b": ['x, "y"\nz', "", "None"]}


def test_what_is_left_out_is_said(tmp_path):
    file = read(tmp_path, "# one\na,b\n1,2\n# two, with, commas\n3,4\n")[1]
    assert [note.split(": ", 1)[1] for note in file.notes] == [
        "left out 1 comment line at the top of the file.", "left out 1 comment line among the rows."
    ]  # fmt: skip


@pytest.mark.parametrize("text", [
    "Report of 2026\n\na,b\n1,x\n3,y\n", "Report of 2026,,\na,b\n1,x\n3,y\n", '"Report of 2026";\n\na;b\n1;x\n3;y\n',
])
def test_a_title_above_the_names(tmp_path, text):
    columns, file = read(tmp_path, text)
    assert columns == EXPECTED
    assert file.notes == [f"{tmp_path / 'a.csv'}: left out 'Report of 2026' above the names of the columns."]


def test_a_single_column(tmp_path):
    assert read(tmp_path, "a\n1\n3\n")[0] == {"a": ["1", "3"]}
    assert read(tmp_path, "a b\n1.5\n2.5\n")[0] == {"a b": ["1.5", "2.5"]}


def test_columns_without_a_name(tmp_path):
    assert list(read(tmp_path, ",a\n0,5\n1,6\n")[0]) == ["", "a"]
    assert list(read(tmp_path, '"a","b"\n"1",5,6\n"2",7,8\n')[0]) == ["", "a", "b"]  # row names, as R writes them
    assert list(read(tmp_path, "a;b\n1;2;\n3;4;\n")[0]) == ["a", "b", ""]
    assert list(read(tmp_path, "a;;\n1;;\n3;;\n")[0]) == ["a", "Unnamed: 1", "Unnamed: 2"]


def test_a_compressed_file(tmp_path):
    assert read(tmp_path, gzip.compress(b"a,b\n1,x\n3,y\n"), "a.csv.gz")[0] == EXPECTED
    with pytest.raises(AAEError, match="cannot be unpacked"):
        read(tmp_path, gzip.compress(b"a,b\n1,x\n3,y\n")[:-9], "a.csv.gz")


@pytest.mark.parametrize(("text", "sentence"), [
    ("a,b\n1,2\n3\n", r"the line '3' has 1 cells, but there are 2 names; correct it or, if ',' is not .* --delimiter"),
    ("1,2\n3,4\n", "holds numbers, not column names"),
    ("1,5;2\n3;4\n", "holds numbers, not column names"),
    ("# a\n", "it is empty"),
    (b"PK\x03\x04" + bytes(50), "it is a workbook or a zip file; save it as CSV"),
    (b"a,b\n\0,1\n", "holds bytes that are no text"),
])
def test_files_that_cannot_be_read(tmp_path, text, sentence):
    with pytest.raises(AAEError, match=sentence):
        read(tmp_path, text)
