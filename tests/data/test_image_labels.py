"""A file of labels: every row names one image, in whatever way is clear, or is refused by its line."""

import os
import unicodedata

import pytest

from aae.data.image_labels import file_labels
from aae.system.errors import AAEError
from aae.system.files import csv_cell

FILES = ["a.png", "cat/0.png", "cat/1.png", "cat/deep/down/2.png", "dog/b.JPG"]


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pets"
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    (root / "cat" / "notes.txt").write_text("no image")
    return root


def write(folder, text, encoding="utf-8", name="labels.csv"):
    path = folder.parent / name
    path.write_bytes(text.encode(encoding))
    return path


def read(folder, text, encoding="utf-8", files=FILES, unread=()):
    return file_labels(write(folder, text, encoding), folder, files, unread)


def rows(folder, *lines, head="file,label"):
    return read(folder, "\n".join([head, *lines]) + "\n")


def test_labels_from_a_file(folder):
    labels, notes = rows(folder, "a.png,fish", "cat/0.png,cat", "dog/b.JPG,")
    assert labels == ["fish", "cat", None, None, None]
    assert notes == ["3 of 3 rows of labels.csv found; 2 images have no row and so no label."]
    _, notes = rows(folder, *(f"{name},x" for name in FILES))
    assert notes == ["5 of 5 rows of labels.csv found."]


@pytest.mark.parametrize("text", ["007", "1.0", "True", "NA", "nan", "-1", "2024-01-02", "12345678901234567890"])
def test_labels_stay_as_they_were_written(folder, text):
    assert rows(folder, f"a.png,{text}")[0][0] == text


@pytest.mark.parametrize(("name", "k"), [
    ("./a.png", 0), ("cat//0.png", 1), (r"cat\0.png", 1), (r".\cat\deep\down\2.png", 3), ("cat/../cat/1.png", 2),
    ("cat/deep/down/2.png", 3), ("pets/a.png", 0), ("../{tmp}/pets/a.png", 0), ("{root}/cat/1.png", 2),
    (" a.png ", 0), ('"cat/1.png"', 2),
])  # fmt: skip
def test_other_spellings_of_a_path(folder, name, k):
    name = name.format(root=folder, tmp=folder.parent.name)
    labels, notes = rows(folder, f"{name},x")
    assert [n for n, label in enumerate(labels) if label] == [k]
    assert len(notes) == 1 + ("pets" in name and not name.startswith("/"))


@pytest.mark.parametrize(("name", "k"), [
    ("A.PNG", 0), ("dog/B.jpg", 4), ("2.png", 3), ("down/2.png", 3), ("b.jpg", 4), ("a", 0), ("cat/1", 2), ("b", 4),
    ("/home/me/pets/cat/1.png", 2), (r"C:\Users\me\pets\cat\1.png", 2),
])
def test_looser_names_that_are_clear_are_told(folder, name, k):
    labels, notes = rows(folder, f"{name},x")
    assert [n for n, label in enumerate(labels) if label] == [k]
    assert notes[1] == f"1 row names its image differently, such as {name!r} for {FILES[k]!r}."


def test_names_that_begin_or_end_with_a_space(folder):
    files = [*FILES, " led.png", "led.png"]
    for name in files[-2:]:
        (folder / name).write_bytes(b"")
    labels, _ = read(folder, "file,label\n led.png,one\nled.png,two\n a.png ,three\n", files=files)
    assert labels == ["three", None, None, None, None, "one", "two"]


def test_forms_of_accents(folder):
    files = [unicodedata.normalize("NFD", "père.png"), unicodedata.normalize("NFC", "mère.png")]
    text = "file,label\npère.png,1\nmère.png,2\n"
    for form in ("NFC", "NFD"):
        assert read(folder, unicodedata.normalize(form, text), files=files)[0] == ["1", "2"]


def test_capitals_are_matched_only_where_it_is_clear(folder):
    files = ["a/X.png", "b/x.png", "x.PNG", "x.png"]
    labels = read(folder, "file,label\nx.png,1\nA/x.png,2\n", files=files)[0]
    assert labels == ["2", None, None, "1"]
    with pytest.raises(AAEError, match=r"line 2 \('X.PNG' may be several images\)"):
        read(folder, "file,label\nX.PNG,1\n", files=files)


@pytest.mark.parametrize(("name", "reason"), [
    ("dog/z.png", "is not in the folder"), ("cat/notes.txt", "is not an image that is read"), ("cat", "is not an"),
    ("../secret.png", "is not in the folder"), ("/etc/passwd", "is not in the folder"),
    ("dog/0.png", "is not in the folder"), ("/other/place/1.png", "is not in the folder"),
    ("a.jpg", "is not in the folder"),
])
def test_rows_that_name_no_image_are_refused(folder, name, reason):
    with pytest.raises(AAEError, match=rf"1 row of .*labels.csv cannot .*pets: line 3 \('{name}' {reason}.*; correct"):
        rows(folder, "a.png,x", f"{name},x")


def test_all_such_rows_are_counted_and_five_are_listed(folder):
    with pytest.raises(AAEError, match=r"^8 rows of .* line 2 \('x0'.*, line 6 \('x4' .* folder\) and 3 more;"):
        rows(folder, *(f"x{k},x" for k in range(8)))


def test_a_label_without_a_file(folder):
    with pytest.raises(AAEError, match=r"line 4 \(it names no file\)"):
        rows(folder, "a.png,x", "", ",dog")


def test_blank_rows_are_left_out(folder):
    labels, notes = rows(folder, "", "a.png,x", ",", "  ", "cat/0.png,y", "")
    assert labels[:2] == ["x", "y"]
    assert notes[0].startswith("2 of 2 rows")


def test_the_same_file_twice(folder):
    labels, notes = rows(folder, "a.png,x", "./a.png,x", "cat/0.png,y", "A.png,x ")
    assert labels[:2] == ["x", "y"]
    assert notes[-1] == "2 rows repeat another."
    with pytest.raises(AAEError, match=r"1 row .*line 4 \('A.png' has 'x' and 'y', the first in line 2\)"):
        rows(folder, "a.png,x", "cat/0.png,x", "A.png,y")
    with pytest.raises(AAEError, match=r"line 3 \('a.png' has 'x' and no label, the first in line 2\)"):
        rows(folder, "a.png,x", "a.png,")


def test_rows_of_images_that_cannot_be_read(folder):
    labels, notes = read(folder, "file,label\nbroken.png,x\na.png,y\n", unread=["broken.png"])
    assert labels[0] == "y"
    assert notes == ["2 of 2 rows of labels.csv found; 4 images have no row and so no label."]


@pytest.mark.parametrize(("delimiter", "start"), [(",", ""), (";", ""), ("\t", ""), ("|", ""), (";", "sep=;\n"),
                                                  (";", '"sep=;"\r\n')])
def test_delimiters(folder, delimiter, start):
    text = start + f'file{delimiter}label\na.png{delimiter}"x, y; z"\n'
    assert read(folder, text)[0][0] == "x, y; z"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_encodings(folder, encoding):
    text = "file,label\nköter.png,Hündin\nmähne.png,Löwe\nschön.png,Bär\nfüße.png,Käfer\n"
    files = ["köter.png", "mähne.png", "schön.png", "füße.png"]
    labels, notes = read(folder, text, encoding, files)
    assert labels == ["Hündin", "Löwe", "Bär", "Käfer"]
    assert len(notes) == 1 + (encoding in ("utf-16-le", "utf-16-be", "cp1252"))


@pytest.mark.parametrize(("head", "notes"), [
    ("filename,label", ["The column 'filename' of labels.csv is read as file."]),
    ("File,Label", ["The column 'File' of labels.csv is read as file.",
                    "The column 'Label' of labels.csv is read as label."]),
    ("image,class", ["The column 'image' of labels.csv is read as file.",
                     "The column 'class' of labels.csv is read as label."]),
    (" file , label ", []), ("File Name,Class_Name", 2), ("image_path,target", 2), ("path,category", 2),
])
def test_names_of_the_columns(folder, head, notes):
    labels, found = rows(folder, "a.png,x", head=head)
    assert labels[0] == "x"
    assert found[:-1] == notes if isinstance(notes, list) else len(found) == notes + 1


def test_other_columns_and_their_order(folder):
    labels, notes = rows(folder, "dog,0.9,a.png,", head="label,confidence,file,remark")
    assert labels[0] == "dog"
    assert notes[0] == "Other columns of labels.csv are not read: 'confidence', 'remark'."


def test_no_line_of_names(folder):
    labels, notes = read(folder, "a.png,x\ncat/0.png,y\n")
    assert labels[:2] == ["x", "y"]
    assert notes[0] == "labels.csv has no line of names; its columns are read as file and label."


@pytest.mark.parametrize(("text", "sentence"), [
    ("name,label\n", r"labels.csv has no column 'file'; its first line should be file,label"),
    ("a,b\n", r"no column 'file' and no column 'label'"), ("", "no column 'file' and no column 'label'"),
    ("file,label\n", "has no rows; write file and label of one image in each line"),
    ("image,path,label\na.png,b,c\n", "has the columns 'image' and 'path'; call the one that holds the file 'file'"),
    ("file,label,label\na.png,b,c\n", "labels.csv has 2 columns called 'label'; rename or remove all but one"),
    ("file,target\na.png,0.13\ncat/0.png,0.71\ncat/1.png,0.52\n", "labels.csv: the column 'target' looks like a meas"),
    ("file,label\na.png,cat, brown\ncat/0.png,x\ncat/1.png,dog,y\n", "lines 2, 4 hold more than 2 cells; put"),
])
def test_files_that_do_not_fit(folder, text, sentence):
    with pytest.raises(AAEError, match=sentence):
        read(folder, text)


def test_files_that_are_not_labels_files(folder):
    (folder.parent / "labels.csv").write_bytes(b"\xff\xfe\x00garbage")
    with pytest.raises(AAEError, match=r"labels.csv (cannot be read as CSV|has no column)"):
        file_labels(folder.parent / "labels.csv", folder, FILES)
    with pytest.raises(AAEError, match=r"There is no file .*absent.csv; check --labels-file"):
        file_labels(folder.parent / "absent.csv", folder, FILES)
    with pytest.raises(AAEError, match=r"pets cannot be read as CSV"):
        file_labels(folder, folder, FILES)


def test_names_that_are_not_utf_8(folder):
    files = [os.fsdecode(b"p\xe8re.png"), os.fsdecode(b"\xff.png")]
    written = "file,label\np\\udce8re.png,x\n\\udcff.png,y\n"  # as in predictions.csv
    assert read(folder, written, files=files)[0] == ["x", "y"]
    assert read(folder, "file,label\npère.png,x\n", "cp1252", files=files)[0] == ["x", None]


def test_cells_that_a_spreadsheet_would_compute(folder):
    files = ["-1.png", "=a.png", "'+.png"]
    text = "file,label\n" + "".join(f"{csv_cell(name)},{csv_cell('=x')}\n" for name in files)
    assert read(folder, text, files=files)[0] == ["=x"] * 3
