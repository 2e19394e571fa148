"""Labelling in a real browser: keys, undo, the browser's storage, labels.csv, the labelling page."""

import pytest

from helpers import explorer_pages
from helpers.explorer_pages import CLASSES, HOSTILE, labelling, payload


def load(one, text):
    one.page.locator("input[type=file]").set_input_files(
        {"name": "labels.csv", "mimeType": "text/csv", "buffer": text.encode()}
    )
    one.page.wait_for_function("() => document.querySelector('input[type=file]').files.length === 0")


def test_labels_are_downloaded_and_survive_a_reload(visit):
    one = visit(payload())
    one.run("() => aaeExplorer.state.select([30, 31])")
    one.page.keyboard.press("2")
    one.focus(1)
    one.page.keyboard.press("3")
    assert one.download() == f'file,label\n{HOSTILE},{CLASSES[2]}\n30.png,dog\n31.png,dog\n'
    one.page.reload()
    assert one.labels == {1: CLASSES[2], 30: "dog", 31: "dog"}
    assert "3 labels of an earlier visit are still here" in one.said


def test_digits_name_classes_that_are_digits(visit):
    one = visit(payload(classes=["0", "1", "2"]))
    one.focus(30)
    one.page.keyboard.press("0")
    assert one.labels == {30: "0"}
    one.page.keyboard.press("7")
    assert "No class has the key 7" in one.said


def test_a_label_moves_on_and_space_skips(visit):
    one = visit(payload())
    one.focus(20)
    one.page.keyboard.press("1")
    assert one.focused == 21
    one.page.keyboard.press(" ")
    assert one.focused == 22
    one.page.get_by_role("tab", name="Unsure").click()
    one.focus(8)
    one.page.keyboard.press("1")
    assert one.focused == 9  # the next of the list


def test_undo_takes_back_step_by_step(visit):
    one = visit(payload())
    one.focus(0)
    one.page.keyboard.press("1")
    one.run("() => aaeExplorer.state.select([0, 1, 2])")
    one.page.keyboard.press("2")
    one.page.keyboard.press("Backspace")
    assert one.labels == {0: "cat"}
    assert one.selected == [0, 1, 2]
    one.page.keyboard.press("Backspace")
    assert one.labels == {}
    one.page.keyboard.press("Backspace")
    assert one.said == "There is nothing to undo."


def test_another_label_in_the_data_is_said(visit):
    one = visit(payload())
    one.focus(0)  # a cat
    one.page.keyboard.press("2")
    assert "In the data its label is cat" in one.said


@pytest.mark.parametrize("typed", ["Cat", " c-a t", "CAT"])
def test_two_spellings_of_a_class_are_asked_about(visit, typed):
    one = visit(payload())
    one.focus(30)
    one.page.get_by_label("New or other class", exact=True).fill(typed)
    one.page.keyboard.press("Enter")
    assert "There is a class “cat”." in one.page.locator("dialog[open]").inner_text()
    one.page.keyboard.press("Enter")
    assert one.labels == {30: "cat"}


def test_another_class_of_a_similar_name(visit):
    one = visit(payload(classes=["spaniel", "class 1"]))
    one.focus(30)
    for typed, asked in (("spaniels", True), ("class 2", False), ("terrier", False)):
        one.page.get_by_label("New or other class", exact=True).fill(typed)
        one.page.keyboard.press("Enter")
        assert one.page.locator("dialog[open]").count() == asked, typed
        if asked:
            one.page.get_by_role("button", name="is another class").click()
    assert list(one.labels.values()) == ["spaniels", "class 2", "terrier"]


@pytest.mark.parametrize("typed", ["NaN", "-1", " -1.0 ", "?", "n/a", "none", "Unlabelled", "\u22121", "<NA>"])
def test_what_means_no_label_is_no_class(visit, typed):
    one = visit(labelling())
    field = one.page.get_by_label("New or other class", exact=True)
    field.fill(typed)
    field.press("Enter")
    assert one.said == (f"“{typed.strip()}” stands for “no label”, so it is not taken as a class: leave the row "
                        "without a label with Skip, or give the class another name.")  # fmt: skip
    assert (one.labels, one.focused) == ({}, 0)
    assert typed not in one.run("() => aaeExplorer.labels.classes")


@pytest.mark.parametrize("typed", ["", "   ", "\u200b"])
def test_a_blank_is_no_class(visit, typed):
    one = visit(labelling())
    field = one.page.get_by_label("New or other class", exact=True)
    field.fill(typed)
    field.press("Enter")
    assert one.said == "Type the name of a class first, or leave the row without a label with Skip."
    assert one.labels == {}


def test_a_class_of_the_data_may_be_called_like_a_mark(visit):
    one = visit(labelling(classes=["yes", "none"], proposed=None))
    one.page.get_by_label("New or other class", exact=True).fill("none")
    one.page.keyboard.press("Enter")
    one.page.keyboard.press("2")
    assert one.labels == {0: "none", 1: "none"}


def test_marks_in_a_labels_file_are_asked_about(visit):
    one = visit(labelling())
    file = {"name": "l.csv", "mimeType": "text/csv", "buffer": b"file,label\n0.png,cat\n2.png,NaN\nz.png,NaN\n3.png,\n"}
    one.page.locator("input[type=file]").set_input_files(file)
    assert "“NaN”. Does it mean “no label”?" in one.page.locator("dialog[open]").inner_text()
    one.page.keyboard.press("Enter")
    one.page.wait_for_function("() => document.querySelector('.said').textContent")
    assert (one.labels, one.said) == ({0: "cat"}, "1 label taken. 2 rows are left without a label.")
    one.page.locator("input[type=file]").set_input_files(file)
    one.page.get_by_role("button", name="No, “NaN” is a class").click()
    one.page.wait_for_function("() => aaeExplorer.labels.given.size === 2")
    assert one.labels == {0: "cat", 2: "NaN"}


def test_a_labels_file_is_loaded(visit):
    one = visit(payload())
    load(one, "file,label\n0.png,dog\n2.png,cat\n30.png,owl\nabsent.png,cat\n30.png,emu\n")
    assert one.labels == {0: "dog", 2: "cat", 30: "emu"}
    assert "3 labels taken." in one.said
    assert "1 row had another label: 0.png (cat → dog)." in one.said
    assert "1 row occurred with two labels, the later one counts: 30.png." in one.said
    assert "1 row of this file is not in this page (absent.png); its label is kept" in one.said
    assert one.download().endswith("30.png,emu\nabsent.png,cat\n")
    one.page.keyboard.press("Backspace")
    assert one.labels == {}
    assert one.page.get_by_role("button", name="Download labels.csv").is_disabled()


@pytest.mark.parametrize(("text", "said"), [
    ("", "The file is empty."),
    ("name,label\na,b\n", "The file has no column “file”; its columns are name, label."),
    ("file,class\na,b\n", "The file has no column “label”; its columns are file, class."),
    ("file,label\n", "This file holds no labels."),
])  # fmt: skip
def test_a_file_without_labels_of_these_rows(visit, text, said):
    one = visit(payload())
    load(one, text)
    assert one.said == said
    assert one.labels == {}


@pytest.mark.parametrize("entries", [
    labelling(classes=[], proposed=None), payload(classes=[], label=None, prediction=None),
], ids=["label", "explore"])  # fmt: skip
def test_labels_of_the_first_round_are_saved_with_those_of_the_second(visit, entries):
    one = visit(entries)
    load(one, "file,label\na.png,owl\nb.png,emu\n")
    assert one.said == ("2 rows of this file are not in this page (a.png, b.png); their labels are kept and saved with "
                        "yours.")  # fmt: skip
    assert one.labels == {}
    one.focus(0)
    one.page.keyboard.press("2")  # the classes of the file have keys
    assert one.download() == "file,label\n0.png,emu\na.png,owl\nb.png,emu\n"
    one.page.reload()
    assert "3 labels of an earlier visit are still here, 2 of them of rows that are not in this page" in one.said
    load(one, "file,label\na.png,emu\n")
    assert "1 row had another label: a.png (owl → emu)." in one.said
    one.page.keyboard.press("Backspace")
    assert one.said == "Taken back: the labels of the file."
    assert one.download().endswith("a.png,owl\nb.png,emu\n")


def test_names_that_begin_or_end_with_a_space(visit):
    names = [" a.png", "a.png ", "a.png", "b.png"]
    one = visit(labelling(keys=names, classes=["cat"]))
    for _ in names:
        one.page.keyboard.press("1")
    text = one.download()
    assert text == 'file,label\n" a.png",cat\n"a.png ",cat\na.png,cat\nb.png,cat\n'
    one.page.reload()
    assert one.labels == dict.fromkeys(range(4), "cat")
    load(one, text.replace("cat", "dog").replace('"', ""))
    assert one.labels == dict.fromkeys(range(4), "dog")
    load(one, 'file,label\n"b.png ",owl\n b.png , emu\n')  # quoted, the space is meant: another file
    assert one.labels == {0: "dog", 1: "dog", 2: "dog", 3: "emu"}
    assert "1 row of this file is not in this page (b.png )" in one.said


@pytest.mark.parametrize("text", [
    "\ufefffile;label\r\n0.png;dog\r\n", "file\tlabel\n0.png\tdog", 'label,file\n"dog","0.png"\n',
    "index,file,label,why\n9,0.png,dog,\"far, far\"\n",
])  # fmt: skip
def test_ways_to_write_a_labels_file(visit, text):
    one = visit(payload())
    load(one, text)
    assert one.labels == {0: "dog"}


def test_spellings_in_a_file_are_asked_about(visit):
    one = visit(payload())
    one.page.locator("input[type=file]").set_input_files(
        {"name": "l.csv", "mimeType": "text/csv", "buffer": b"file,label\n0.png,Dog\n2.png,Dog\n"}
    )
    one.page.get_by_role("button", name="Yes, use “dog”").click()
    one.page.wait_for_function("() => aaeExplorer.labels.given.size === 2")
    assert one.labels == {0: "dog", 2: "dog"}
    one.page.locator("input[type=file]").set_input_files(
        {"name": "l.csv", "mimeType": "text/csv", "buffer": b"file,label\n0.png,owl\n2.png,Owl\n"}
    )
    one.page.get_by_role("button", name="No, “Owl” is another class").click()
    one.page.wait_for_function("() => aaeExplorer.labels.given.get(2) === 'Owl'")
    assert one.labels == {0: "owl", 2: "Owl"}


def test_quotes_and_commas_in_names(visit):
    one = visit(payload(keys=['a,"b".png', *(f"{row}.png" for row in range(1, 40))]))
    one.focus(0)
    one.page.keyboard.press("1")
    text = one.download()
    assert text == 'file,label\n"a,""b"".png",cat\n'
    one.page.keyboard.press("Backspace")
    load(one, text)
    assert one.labels == {0: "cat"}


def test_the_labelling_page(visit):
    one = visit(labelling())
    keys = one.page.keyboard
    assert "typical of cluster 0" in one.page.locator(".stage").inner_text()
    assert "Yes, cat" in one.page.locator(".propose").inner_text()
    keys.press("Enter")
    assert (one.labels, one.focused) == ({0: "cat"}, 1)
    keys.press(" ")
    assert one.focused == 2
    keys.press("2")
    assert (one.labels, one.focused) == ({0: "cat", 2: "dog"}, 3)
    keys.press("Backspace")
    assert (one.labels, one.focused) == ({0: "cat"}, 2)
    keys.press("1")
    keys.press("n")
    keys.type("owl")
    keys.press("Enter")
    assert (one.labels, one.focused) == ({0: "cat", 2: "cat", 3: "owl"}, 1)
    keys.press("2")
    assert one.page.locator(".where").inner_text() == "All 4 rows are labelled: download labels.csv."
    assert one.download() == f"file,label\n0.png,cat\n{HOSTILE},dog\n2.png,cat\n3.png,owl\n"


def test_labelling_without_classes(visit):
    one = visit(labelling(classes=[], proposed=None), width=400)
    assert "No class yet" in one.page.locator(".classes").inner_text()
    one.page.keyboard.press("n")
    one.page.keyboard.type("owl")
    one.page.keyboard.press("Enter")
    one.page.keyboard.press("1")
    assert one.labels == {0: "owl", 1: "owl"}
    assert one.run("() => document.documentElement.scrollWidth") <= 400
    assert one.axe() == []


def test_a_browser_without_storage(visit, tmp_path):
    one = visit(labelling())
    frame = tmp_path / "frame.html"
    frame.write_text('<iframe sandbox="allow-scripts" width="800" height="700" src="page0.html"></iframe>')
    one.page.goto(frame.as_uri())
    inside = one.page.frames[1]
    inside.wait_for_function("() => window.aaeExplorer")
    assert "This browser does not keep the labels" in inside.locator(".said").inner_text()
    inside.locator(".class").first.click()
    assert inside.evaluate("() => aaeExplorer.labels.given.size") == 1


GIVEN = {"file": "first.csv", "labels": [["0.png", "owl"], ["z.png", "emu"]], "id": "one"}


@pytest.mark.parametrize("entries", [labelling(given=GIVEN, classes=[], proposed=None), payload(given=GIVEN)],
                         ids=["label", "explore"])  # fmt: skip
def test_labels_of_a_labels_file_are_there_from_the_start(visit, entries):
    one = visit(entries)
    assert one.labels == {0: "owl"}
    assert one.said == ("2 labels of first.csv are here, 1 of them of rows that are not in this page; labels.csv will "
                        "hold them, too.")  # fmt: skip
    one.focus(2)
    one.page.locator(".class[data-class=emu]").click()
    assert one.download() == "file,label\n0.png,owl\n2.png,emu\nz.png,emu\n"
    one.focus(0)
    one.page.locator(".class[data-class=emu]").click()
    one.page.reload()
    assert one.labels == {0: "emu", 2: "emu"}  # what was changed after the file was read
    assert one.said.startswith("2 labels of first.csv and 2 labels of an earlier visit are here, 1 of them of rows")


def test_a_newer_labels_file_counts_more_than_an_earlier_visit(visit, tmp_path):
    one = visit(labelling())
    one.page.keyboard.press("1")
    one.focus(2)
    one.page.keyboard.press("2")
    explorer_pages.write(tmp_path / "page0.html", labelling(given=GIVEN))
    one.page.reload()
    assert one.labels == {0: "owl", 2: "dog"}
    assert one.said == ("2 labels of first.csv and 1 label of an earlier visit are here, 1 of them of rows that are "
                        "not in this page; labels.csv will hold them, too. 1 row had another label from an earlier "
                        "visit: 0.png (cat → owl).")  # fmt: skip
