"""From rows without a label to a classifier: labels pressed in the page are those that a training takes."""

import numpy as np
import platformdirs
import pytest

from aae.data.dataset import ReadOptions
from aae.data.row_keys import keys_of
from aae.data.sources import load_data
from aae.explorer.labelling import label_page
from aae.runs.open import open_run
from helpers.runs import SMALL
from helpers.written import write_picture

TRAIN = ["--steps", "2", "--no-report", "--quiet", "--device", "cpu",
         *(word for name, value in SMALL.items() for word in ("--set", f"{name}={value}"))]  # fmt: skip
ODD = ["007", "a, b", 'say "x"', "=1+1", "'=2", " é", "-5", "x.y"]  # keys that a CSV file must quote or mark


def photos(root):
    """Thirty pictures without a label, some in folders and with names that need quotes."""
    rng = np.random.default_rng(0)
    for k in range(30):
        name = ["=a, b", "unlabelled/it's", "unlabelled/p"][k % 3]
        write_picture(root / f"{name}{k}.png", rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
    return root


def customers(root):
    rng = np.random.default_rng(0)
    keys = [*ODD, *(f"c{k}" for k in range(30))]
    cells = ['"' + key.replace('"', '""') + '"' for key in keys]
    root.mkdir()
    path = root / "customers.csv"
    path.write_text("customer,age,height\n" + "".join(f"{cell},{rng.integers(20, 80)},{rng.normal():.3f}\n"
                                                       for cell in cells), "utf-8")  # fmt: skip
    return path


@pytest.mark.parametrize(("make", "key", "options"), [
    (photos, "file", []), (customers, "customer", ["--key-column", "customer"]),
], ids=["images", "table with a key column"])  # fmt: skip
def test_a_training_takes_the_labels_that_were_pressed(visit, cli, tmp_path, monkeypatch, make, key, options):
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache"))
    source = make(tmp_path / "data")
    data = load_data(source, ReadOptions(key_column=key if options else None))
    rows = np.arange(min(12, len(data.x)))
    label_page(data, rows, ["typical"] * len(rows), None, tmp_path / "next.html")
    one, expected = visit(tmp_path / "next.html"), {}
    classes = ["day", "it is night, dark", "=dusk"]
    for place, row in enumerate(rows[:10]):
        if place < 3:
            one.page.keyboard.press("n")
            one.page.keyboard.type(classes[place])
            one.page.keyboard.press("Enter")
        elif place == 4:
            one.page.keyboard.press("2")
            one.page.keyboard.press("Backspace")
            one.page.keyboard.press("1")
        else:
            one.page.keyboard.press(str(1 + place % 3))
        expected[keys_of(data).train[row]] = classes[0 if place == 4 else place % 3]
    one.page.keyboard.press(" ")
    (tmp_path / "labels.csv").write_text(one.download(), "utf-8")
    done = cli("train", "few-labels", "--data", source, "--labels-file", tmp_path / "labels.csv", *options, "--out",
               tmp_path / "run", *TRAIN)  # fmt: skip
    assert done.code == 0, done.err
    run = open_run(tmp_path / "run")
    keys = keys_of(run.data)
    names = np.concatenate([keys.train, keys.test])
    y = np.concatenate([run.data.y, run.data.test_y])
    assert keys.name == key
    assert {names[k]: run.data.classes[y[k]] for k in np.flatnonzero(y >= 0)} == expected
    assert set(keys.train[run.split.labelled]) == set(expected)


def test_a_filled_in_suggestion_is_read_by_the_page(visit, tmp_path):
    """The files of both sides mark texts that a spreadsheet would compute in the same way."""
    source = customers(tmp_path / "data")
    data = load_data(source, ReadOptions(key_column="customer"))
    wanted = [k for k, key in enumerate(keys_of(data).train) if key in ("=1+1", "'=2", "-5")]
    label_page(data, wanted, ["typical"] * len(wanted), None, tmp_path / "next.html")
    one = visit(tmp_path / "next.html")
    one.page.locator("input[type=file]").set_input_files(
        {"name": "l.csv", "mimeType": "text/csv", "buffer": b"customer,label\n'=1+1,'=x\n''=2,y\n-5,y\n"}
    )
    one.page.wait_for_function("() => aaeExplorer.labels.count > 0")
    keys = keys_of(data).train[wanted].tolist()
    assert {keys[k]: name for k, name in one.labels.items()} == {
        key: {"=1+1": "=x"}.get(key, "y") for key in keys
    }
