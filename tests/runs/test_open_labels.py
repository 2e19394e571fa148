"""Other data may have their labels in another place than those of the training: a column, or a labels file."""

import numpy as np
import pytest

from aae.data.dataset import ReadOptions
from aae.runs.open import open_run
from aae.runs.train import train_preset
from aae.system.errors import UsageError
from helpers.runs import SMALL

ROWS, NEW = 40, 12


def write(folder, name, rows, labelled):
    kinds = ["ab"[k % 2] for k in range(rows)]
    table = [f"r{k:03},{k % 7 + (k % 2) * 9}.5,{k % 5}.25" + f",{kind}" * labelled for k, kind in enumerate(kinds)]
    (folder / f"{name}.csv").write_text("\n".join(["who,x,w" + ",kind" * labelled, *table]) + "\n")
    lines = [f"r{k:03},{kind}" for k, kind in enumerate(kinds)]
    (folder / f"{name}-labels.csv").write_text("\n".join(["who,label", *lines]) + "\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run whose labels are in a column, and one whose labels are in a file; new rows of either kind."""
    folder = tmp_path_factory.mktemp("labels")
    for name, rows, labelled in (("with", ROWS, True), ("without", ROWS, False), ("new-with", NEW, True),
                                 ("new-without", NEW, False)):  # fmt: skip
        write(folder, name, rows, labelled)
    settings = {"changes": {**SMALL, "network": "mlp"}, "steps": 2, "labels": 10, "progress": False}
    train_preset("few-labels", folder / "with.csv", out=folder / "column", **settings,
                 reading=ReadOptions(label_column="kind", key_column="who"))  # fmt: skip
    train_preset("few-labels", folder / "without.csv", out=folder / "file", **settings,
                 reading=ReadOptions(labels_file=str(folder / "without-labels.csv"), key_column="who"))  # fmt: skip
    return folder


@pytest.mark.parametrize("run", ["column", "file"])
@pytest.mark.parametrize(("data", "given"), [
    ("new-with", {"label_column": "kind"}), ("new-without", {"labels_file": "new-without-labels.csv"}),
    ("new-with", {"labels_file": "new-with-labels.csv"}),
])  # fmt: skip
def test_labels_of_other_data_come_from_a_column_or_a_file(folder, run, data, given):
    given = {name: str(folder / value) if name == "labels_file" else value for name, value in given.items()}
    opened = open_run(folder / run, str(folder / f"{data}.csv"), given=ReadOptions(**given))
    assert opened.data.classes == ["a", "b"]
    keys = [int(key[1:]) for key in opened.data.keys.test]
    assert opened.data.test_y.tolist() == [k % 2 for k in keys]
    assert sorted(keys) == list(range(NEW))


def test_data_without_labels_have_none(folder):
    data = open_run(folder / "file", str(folder / "new-without.csv")).data
    assert (data.test_y == -1).all()
    with pytest.raises(UsageError, match=r"There is no column of .*new-without\.csv called 'kind'"):
        open_run(folder / "column", str(folder / "new-without.csv"))


def test_a_column_of_labels_that_cannot_be(folder):
    new = str(folder / "new-with.csv")
    with pytest.raises(UsageError, match=r"The model takes the column 'x' of .* as input"):
        open_run(folder / "file", new, given=ReadOptions(label_column="x"))
    with pytest.raises(UsageError, match=r"There is no column of .* called 'knd'; did you mean 'kind'"):
        open_run(folder / "file", new, given=ReadOptions(label_column="knd"))
    with pytest.raises(UsageError, match="--label-column describes a table given with --data; there is none"):
        open_run(folder / "file", given=ReadOptions(label_column="kind"))
    with pytest.raises(UsageError, match="--label-column describes a table given with --data; digits is none"):
        open_run(folder / "file", "digits", given=ReadOptions(label_column="kind"))


def test_parquet_files_alike(folder, tmp_path):
    import pyarrow as pa
    from pyarrow import csv, parquet

    table = csv.read_csv(folder / "new-without.csv")
    parquet.write_table(table, tmp_path / "new.parquet")
    given = ReadOptions(labels_file=str(folder / "new-without-labels.csv"))
    data = open_run(folder / "column", str(tmp_path / "new.parquet"), given=given).data
    assert np.bincount(data.test_y).tolist() == [6, 6]
    parquet.write_table(table.append_column("kind", pa.array(["a"] * NEW)), tmp_path / "new.parquet")
    data = open_run(folder / "file", str(tmp_path / "new.parquet"), given=ReadOptions(label_column="kind")).data
    assert np.bincount(data.test_y).tolist() == [12]
