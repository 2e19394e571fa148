import csv

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import torch

from aae.data.arrays import NpyRows
from aae.data.dataset import ReadOptions
from aae.data.sources import load_data
from aae.evaluation import inference
from aae.model.artifact import load
from aae.runs import array_output
from aae.runs import outputs as exports
from aae.runs.open import of_new_files, open_run
from aae.runs.outputs import codes, predictions, read_input, reconstructions, samples
from aae.runs.train import train_preset
from aae.system.errors import AAEError, UsageError
from helpers.close import layers, rounding
from helpers.written import write_idx

RNG = np.random.default_rng(0)
ROWS = RNG.integers(0, 256, (12, 8, 8), dtype=np.uint8)
NAMES = [3, 5, 9] * 4


def table(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


@pytest.fixture
def rows(tmp_path):
    """The same twelve rows in every form."""
    np.save(tmp_path / "rows.npy", ROWS)
    np.savez(tmp_path / "rows.npz", x=ROWS, y=NAMES)
    write_idx(tmp_path / "rows-idx3-ubyte.gz", ROWS)
    return tmp_path


@pytest.mark.parametrize(("name", "names"), [("rows.npy", None), ("rows.npz", NAMES), ("rows-idx3-ubyte.gz", None)])
def test_every_row_of_a_file_is_read_in_order(rows, name, names):
    x, found, _ = read_input(str(rows / name))
    assert np.array_equal(x, ROWS)
    assert found == names


def test_a_data_set_gives_its_test_rows(idx_folder):
    digits = load_data("digits")
    x, names, _ = read_input("digits")
    assert np.array_equal(x, digits.test_x)
    assert names == digits.test_y.tolist()
    x, names, _ = read_input(str(idx_folder))
    assert len(x) == 10
    assert names == [3, 5, 9, 3, 5, 9, 3, 5, 9, 3]


def damaged(path, kind):
    data = path.read_bytes()
    path.write_bytes({"truncated": data[:-40], "flipped": data[:500] + bytes([data[500] ^ 255]) + data[501:],
                      "empty": b"", "garbage": b"garbage"}[kind])


@pytest.mark.parametrize("name", ["rows.npz", "rows.npy", "rows-idx3-ubyte.gz"])
@pytest.mark.parametrize("kind", ["truncated", "empty", "garbage"])
def test_damaged_files(rows, name, kind):
    damaged(rows / name, kind)
    with pytest.raises(AAEError, match=f"{name} .*(is not a readable numpy file|cannot be read|is not an IDX file)"):
        read_input(str(rows / name))


def test_a_flipped_bit_in_an_archive(rows):
    damaged(rows / "rows.npz", "flipped")
    with pytest.raises(AAEError, match=r"rows.npz is not a readable numpy file of plain arrays .*CRC"):
        read_input(str(rows / "rows.npz"))


@pytest.mark.parametrize(("arrays", "sentence"), [
    ({"z": ROWS}, "holds no array called 'x'"),
    ({"x": np.array([{}, None])}, "is not a readable numpy file of plain arrays"),
    ({"x": ROWS.astype(float) * 1e6}, r"images of shape \(8, 8\) have values from .* give bytes, or numbers in"),
    ({"x": ROWS[:0]}, "there are no rows"),
    ({"x": np.array([[1.0], [np.inf]])}, "row 1, column 0: infinity is no number"),
])
def test_files_without_rows(tmp_path, arrays, sentence):
    np.savez(tmp_path / "file.npz", **arrays)
    with pytest.raises(AAEError, match=sentence):
        read_input(str(tmp_path / "file.npz"))


def test_missing_inputs():
    for name in ("absent.npz", "absent/rows.npy"):
        with pytest.raises(AAEError, match=f"No data at {name}"):
            read_input(name)
    with pytest.raises(UsageError, match=r"no data set 'digit'; did you mean 'digits'"):
        read_input("digit")


@pytest.mark.numeric
@pytest.mark.parametrize("name", ["semi-supervised", "few-labels", "clustering"])
def test_predictions(trained, rows, name):
    out = rows / "labels.csv"
    assert predictions(trained(name), str(rows / "rows.npy"), out) == f"12 predictions: {out}"
    header, *lines = table(out)
    model = load(trained(name))
    expected = inference.classify(model, ROWS)
    names = [str(k) for k in range(expected.shape[1])]
    assert header == ["index", "label", "confidence", *(f"p_{k}" for k in names)]
    assert [line[0] for line in lines] == [str(k) for k in range(12)]
    assert [line[1] for line in lines] == [names[k] for k in expected.argmax(1)]
    found = np.array([line[2:] for line in lines], dtype=float)
    assert np.allclose(found[:, 1:], expected, atol=1e-6)
    assert np.allclose(found[:, 0], expected.max(1), atol=1e-6)
    assert np.allclose(found[:, 1:].sum(1), 1, atol=1e-4)


def test_predictions_name_the_classes(tmp_path):
    from helpers.runs import train_small

    np.savez(tmp_path / "named.npz", x=np.tile(ROWS, (4, 1, 1)), y=["cat", 'dog, "big"', "ö"] * 16)
    run = train_small("semi-supervised", data=tmp_path / "named.npz", labels=9, out=tmp_path / "run").path
    predictions(run, str(tmp_path / "named.npz"), tmp_path / "labels.csv")
    header, *lines = table(tmp_path / "labels.csv")
    assert header[3:] == ["p_cat", 'p_dog, "big"', "p_ö"]
    assert {line[1] for line in lines} <= {"cat", 'dog, "big"', "ö"}
    assert len(lines) == 48
    assert samples(run, 3, "ö", 0, tmp_path / "few.npz") == f"3 samples: {tmp_path / 'few.npz'}"
    with pytest.raises(AAEError, match=r"no class 'cow'; it has cat, dog"):
        samples(run, 3, "cow", 0, tmp_path / "none.npz")
    assert not (tmp_path / "none.npz").exists()


@pytest.mark.parametrize("name", ["aae", "semi-supervised", "discrete-vae", "supervised"])
def test_codes(trained, rows, name):
    expected = inference.encode(load(trained(name)), ROWS)
    codes(trained(name), str(rows / "rows.npz"), rows / "codes.npz")
    with np.load(rows / "codes.npz") as found:
        assert set(found) == expected.keys()
        assert all(np.array_equal(found[key], expected[key]) for key in expected)
    message = codes(trained(name), str(rows / "rows.npz"), rows / "codes.parquet")
    assert message.startswith("12 codes (")
    columns = pq.read_table(rows / "codes.parquet")
    assert columns.column_names == [f"{key}_{k}" for key, code in expected.items() for k in range(code.shape[1])]
    found = np.stack([column.to_numpy() for column in columns.columns], 1)
    assert np.array_equal(found, np.hstack(list(expected.values())))


def test_parquet_without_pyarrow(trained, rows, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(AAEError, match=r"pip install 'adversarial-autoencoder\[tables\]'`, or use .npz"):
        codes(trained("aae"), str(rows / "rows.npy"), rows / "codes.parquet")
    assert not (rows / "codes.parquet").exists()


@pytest.fixture
def vectors(tmp_path):
    """The same vectors as an array and as a table of several row groups, and a run that reads them."""
    rows = RNG.random((700, 5)).astype(np.float32)
    np.save(tmp_path / "rows.npy", rows)
    columns = {f"c{k}": rows[:, k] for k in range(5)}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet", row_group_size=300)
    np.savez(tmp_path / "data.npz", x=rows, y=np.arange(700) % 3)
    run = tmp_path / "run"
    train_preset("semi-supervised", tmp_path / "data.npz", labels=30, steps=2, out=run, progress=False)
    return tmp_path


@pytest.mark.parametrize("ending", ["npz", "parquet"])
def test_a_table_gives_what_the_array_of_its_numbers_gives(vectors, ending):
    for name in ("rows.npy", "rows.parquet"):
        codes(vectors / "run", str(vectors / name), vectors / f"{name}.{ending}")
        predictions(vectors / "run", str(vectors / name), vectors / f"{name}.csv")
    assert (vectors / "rows.npy.csv").read_text() == (vectors / "rows.parquet.csv").read_text()
    if ending == "npz":
        with np.load(vectors / "rows.npy.npz") as one, np.load(vectors / "rows.parquet.npz") as other:
            expected = inference.encode(load(vectors / "run"), np.load(vectors / "rows.npy"))
            assert set(one) == set(other) == set(expected)
            assert all(np.array_equal(one[k], other[k]) and np.array_equal(one[k], expected[k]) for k in one)
    else:
        assert pq.read_table(vectors / "rows.npy.parquet").equals(pq.read_table(vectors / "rows.parquet.parquet"))
        assert pq.read_table(vectors / "rows.npy.parquet").num_rows == 700


def test_large_results_come_in_several_row_groups(vectors, monkeypatch):
    monkeypatch.setattr(array_output, "ROW_GROUP", 250)
    codes(vectors / "run", str(vectors / "rows.npy"), vectors / "codes.parquet")
    file = pq.ParquetFile(vectors / "codes.parquet")
    assert [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)] == [400, 300]
    expected = inference.encode(load(vectors / "run"), np.load(vectors / "rows.npy"))
    assert np.array_equal(file.read().column("z_0").to_numpy(), expected["z"][:, 0])


@pytest.mark.parametrize("ending", ["npz", "parquet", "csv"])
def test_a_row_that_cannot_be_read_leaves_no_result(vectors, ending, monkeypatch):
    def broken(self, part):
        if part.start >= 400:
            raise AAEError("row 400 is gone")
        return np.zeros((part.stop - part.start, 5), np.float32)

    monkeypatch.setattr(NpyRows, "__getitem__", broken)
    monkeypatch.setattr(exports, "check_rows", lambda rows, where: rows)
    before = sorted(vectors.iterdir())
    export = predictions if ending == "csv" else codes
    with pytest.raises(AAEError, match="row 400 is gone"):
        export(vectors / "run", str(vectors / "rows.npy"), vectors / f"out.{ending}")
    assert sorted(vectors.iterdir()) == before


def test_reconstructions(trained, rows):
    reconstructions(trained("vae"), str(rows / "rows.npy"), rows / "again.npz")
    with np.load(rows / "again.npz") as found:
        assert np.array_equal(found["x"], inference.reconstruct(load(trained("vae")), ROWS))


@pytest.mark.parametrize("name", ["supervised", "plain supervised"])
def test_reconstructions_of_a_model_that_reads_the_label(trained, rows, name):
    run = trained(name)
    reconstructions(run, str(rows / "rows.npz"), rows / "again.npz")
    with np.load(rows / "again.npz") as found:
        expected = inference.reconstruct(load(run), ROWS, np.array(NAMES))
        assert np.array_equal(found["x"], expected)
        assert not np.array_equal(expected, inference.reconstruct(load(run), ROWS, np.zeros(12, np.int64)))
    with pytest.raises(AAEError, match=r"needs labels as input"):
        reconstructions(run, str(rows / "rows.npy"), rows / "none.npz")
    np.savez(rows / "strange.npz", x=ROWS, y=["a"] * 12)
    with pytest.raises(AAEError, match=r"no class 'a'; it has 0, 1, "):
        reconstructions(run, str(rows / "strange.npz"), rows / "none.npz")
    np.savez(rows / "partly.npz", x=ROWS, y=[-1] * 12)
    reconstructions(run, str(rows / "partly.npz"), rows / "partly.npz.npz")
    assert not (rows / "none.npz").exists()


def test_samples(trained, tmp_path):
    run = trained("semi-supervised")
    for name, label, seed in (("a", None, 0), ("b", None, 0), ("c", None, 1), ("d", "7", 0)):
        samples(run, 5, label, seed, tmp_path / f"{name}.npz")
    drawn = {}
    for name in "abcd":
        with np.load(tmp_path / f"{name}.npz") as found:
            drawn[name] = found["x"]
    assert all(x.shape == (5, 8, 8) for x in drawn.values())
    assert np.array_equal(drawn["a"], drawn["b"])
    assert not np.array_equal(drawn["a"], drawn["c"])
    torch.manual_seed(0)
    assert np.array_equal(drawn["d"], load(run).sample(5, torch.full((5,), 7)).numpy())


@pytest.mark.parametrize(("name", "label", "sentence"), [
    ("vae", "3", "has no classes to sample from; drop the label"),
    ("discrete-vae", "3", "has no classes"), ("autoencoder", "3", "has no classes"),
    ("semi-supervised", "10", "no class '10'; it has 0, 1, "), ("conditioned", "x", "no class 'x'; it has 0, 1, "),
    ("clustering", "30", "no class '30'"), ("autoencoder", None, "has no prior, so this model cannot sample"),
])
def test_samples_that_cannot_be_drawn(trained, tmp_path, name, label, sentence):
    with pytest.raises(AAEError, match=sentence):
        samples(trained(name), 3, label, 0, tmp_path / "none.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["conditioned", "supervised", "clustering", "labelled embedding"])
def test_samples_of_a_class(trained, tmp_path, name):
    samples(trained(name), 3, "2", 0, tmp_path / "some.npz")
    assert (tmp_path / "some.npz").exists()


WRITERS = {
    "predictions": (lambda run, out: predictions(run, "digits", out), (".csv",)),
    "codes": (lambda run, out: codes(run, "digits", out), (".npz", ".parquet")),
    "reconstructions": (lambda run, out: reconstructions(run, "digits", out), (".npz", ".csv")),
    "samples": (lambda run, out: samples(run, 3, None, 0, out), (".npz", ".csv")),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_invalid_output_files(trained, tmp_path, kind, monkeypatch):
    write, suffixes = WRITERS[kind]
    run = trained("semi-supervised")
    with pytest.raises(UsageError, match=f"out.txt should end in {' or '.join(suffixes)}"):
        write(run, tmp_path / "out.txt")
    for suffix in suffixes:
        with pytest.raises(AAEError, match=r"absent does not exist; make it first"):
            write(run, tmp_path / "absent" / f"out{suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk(trained, tmp_path, kind, monkeypatch):
    write, suffixes = WRITERS[kind]

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    for suffix in suffixes if kind in ("predictions", "codes") else [".npz"]:  # only a table has columns
        with pytest.raises(AAEError, match=r"could not be written: No space left on device"):
            write(trained("semi-supervised"), tmp_path / f"out{suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.numeric
def test_a_folder_of_images(pets):
    run = pets / "run"
    train_preset("semi-supervised", pets / "pets", labels=10, steps=2, out=run, progress=False)
    predictions(run, str(pets / "more"), pets / "found.csv")
    head, *found = table(pets / "found.csv")
    assert head == ["file", "label", "confidence", "p_cat", "p_dog"]
    assert [row[0] for row in found] == [f"{kind}/{k}.png" for kind in ("cat", "dog") for k in range(3)]
    rows, names, files = read_input(str(pets / "more"), load(run))
    assert (rows.shape, names, len(files)) == ((6, 10, 10), ["cat"] * 3 + ["dog"] * 3, 6)
    predictions(run, str(pets / "more" / "dog" / "1.png"), pets / "one.csv")
    one = table(pets / "one.csv")[1]
    assert one[:2] == ["1.png", found[4][1]]
    near = 1e-6 + rounding(layers(load(run)))  # both are rounded to six digits
    assert [float(p) for p in one[2:]] == pytest.approx([float(p) for p in found[4][2:]], abs=near)
    codes(run, str(pets / "more"), pets / "codes.npz")
    with np.load(pets / "codes.npz") as kept:
        assert len(kept["z"]) == 6


def test_an_unreadable_image_is_skipped_in_the_predictions(pets, capsys):
    train_preset("semi-supervised", pets / "pets", labels=10, steps=2, out=pets / "run", progress=False)
    (pets / "more" / "cat" / "1.png").write_bytes(b"")
    predictions(pets / "run", str(pets / "more"), pets / "found.csv")
    assert [row[0] for row in table(pets / "found.csv")][1:3] == ["cat/0.png", "cat/2.png"]
    assert "cat/1.png was skipped: cannot identify image file" in capsys.readouterr().err


def test_images_for_a_model_of_vectors(vectors, pets):
    with pytest.raises(AAEError, match=r"takes rows of shape \(5,\), and a folder of images gives square images"):
        predictions(vectors / "run", str(pets / "pets"), pets / "found.csv")


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A run on a table of a number, a category and labels, and the same rows as a file without labels."""
    folder = tmp_path_factory.mktemp("people")
    lines = [f"{150 + k},{['Rome', 'Oslo', ''][k % 3]},{['ant', 'bee', ''][k % 4 % 3]}" for k in range(60)]
    (folder / "people.csv").write_text("\n".join(["height,town,kind", *lines]) + "\n")
    swapped = [",".join(line.split(",")[1::-1]) for line in lines]
    (folder / "new.csv").write_text("\n".join(["town,height", *swapped]) + "\n")
    pq.write_table(pa_csv.read_csv(folder / "new.csv"), folder / "new.parquet")
    changes = {"hidden": [8], "discriminator_hidden": [8]}
    reading = ReadOptions(label_column="kind")
    train_preset("few-labels", folder / "people.csv", reading=reading, steps=3, changes=changes, out=folder / "run",
                 progress=False)  # fmt: skip
    return folder


@pytest.mark.numeric
@pytest.mark.parametrize("name", ["new.csv", "new.parquet"])
def test_raw_columns_are_classified(people, tmp_path, name):
    assert predictions(people / "run", str(people / name), tmp_path / "p.csv").startswith("60 predictions")
    head, *lines = table(tmp_path / "p.csv")
    assert head == ["index", "label", "confidence", "p_ant", "p_bee"]
    model = load(people / "run")
    rows = np.array([[150 + k, [1, 0, np.nan][k % 3]] for k in range(60)], np.float32)
    found = np.array([line[3:] for line in lines], float)
    assert np.allclose(found, inference.classify(model, rows), atol=1e-5)
    assert {line[1] for line in lines} <= {"ant", "bee"}


def test_columns_are_written_in_their_original_units(people, tmp_path):
    reconstructions(people / "run", str(people / "new.csv"), tmp_path / "r.csv")
    samples(people / "run", 7, "bee", 0, tmp_path / "s.csv")
    for name, count in (("r.csv", 60), ("s.csv", 7)):
        head, *lines = table(tmp_path / name)
        assert head == ["height", "town", *(["kind"] if name == "s.csv" else [])]
        assert len(lines) == count
        assert {line[2] for line in lines if len(line) > 2} <= {"bee"}
        empty = {""} if name == "s.csv" else set()  # drawn as often as in the data
        assert {line[1] for line in lines} <= {"Rome", "Oslo"} | empty
        assert all(100 < float(line[0]) < 300 for line in lines)
    reconstructions(people / "run", str(people / "new.parquet"), tmp_path / "r.npz")
    assert np.load(tmp_path / "r.npz")["x"].shape == (60, 2)


@pytest.mark.parametrize("name", ["odd.csv", "odd.parquet"])
def test_unseen_values(people, tmp_path, name, capsys):
    """All of them in one warning, and the rows are classified; refused if asked for."""
    rows = pa.table({"height": [150, 151, 152, 153], "town": ["Rome", "Paris", "Bern", "Paris"]})
    pa_csv.write_csv(rows, tmp_path / "odd.csv")
    pq.write_table(rows, tmp_path / "odd.parquet")
    for work, out in ((predictions, "p.csv"), (codes, "c.npz"), (reconstructions, "r.csv")):
        with pytest.raises(AAEError, match=r"(row 1|line 3), column town: 'Paris' is a category that"):
            work(people / "run", str(tmp_path / name), tmp_path / out, strict=True)
        assert not (tmp_path / out).exists()
        work(people / "run", str(tmp_path / name), tmp_path / out)
        assert capsys.readouterr().err == (
            f"{tmp_path / name}: 3 of 4 rows hold categories that the model has not seen, read as unknown: "
            "town: 'Paris' (2), 'Bern' (1).\n"
        )
    assert len(table(tmp_path / "p.csv")) == 5
    assert {row[1] for row in table(tmp_path / "r.csv")[1:]} <= {"Rome", "Oslo"}


def test_rows_without_names_for_a_model_of_names(people, tmp_path):
    np.savez(tmp_path / "rows.npz", x=np.zeros((3, 2)))
    np.save(tmp_path / "rows.npy", np.zeros((3, 2)))
    for name in ("rows.npz", "rows.npy"):
        with pytest.raises(AAEError, match=r"has no column names, .* named columns \(height, town\)"):
            predictions(people / "run", str(tmp_path / name), tmp_path / "p.csv")


def test_columns_for_a_model_of_images(trained, people, tmp_path):
    with pytest.raises(AAEError, match=r"has named columns, but the model was trained without names"):
        predictions(trained("few-labels"), str(people / "new.csv"), tmp_path / "p.csv")
    for write in (lambda out: samples(trained("few-labels"), 3, None, 0, out),
                  lambda out: reconstructions(trained("few-labels"), "digits", out)):  # fmt: skip
        with pytest.raises(AAEError, match="no named columns, which a CSV file needs"):
            write(tmp_path / "s.csv")


def test_a_run_on_a_table_is_opened_again(people):
    run = open_run(people / "run")
    assert run.data.classes == ["ant", "bee"]
    other = open_run(people / "run", str(people / "people.csv"))
    assert other.data.classes == ["ant", "bee"]
    assert other.data.table.columns == run.model.table.columns


def test_rows_are_written_as_they_were_in_the_training(tmp_path):
    """A European file; dates, whole numbers, truth values and codes come back as such, also from other files."""
    said, truth = ("Ja", "Nein"), ("TRUE", "FALSE", "FALSE")
    lines = [f"{k % 9 + 1:02}.03.2026;{k % 7};{said[k % 2]};{truth[k % 3]};{k % 5},5;{'ab'[k % 2]}" for k in range(60)]
    head = "day;count;said;ok;size;kind"
    (tmp_path / "train.csv").write_text("\n".join([head, *lines]) + "\n")
    changes = {"hidden": [8], "discriminator_hidden": [8]}
    train_preset("few-labels", tmp_path / "train.csv", reading=ReadOptions(label_column="kind"), steps=3,
                 changes=changes, out=tmp_path / "run", progress=False)  # fmt: skip
    (tmp_path / "new.csv").write_text("day,count,said,ok,size\n2026-03-01,3.0,Ja,true,2.5\n2026-03-02,4,Ja,False,3.5\n")
    samples(tmp_path / "run", 5, None, 0, tmp_path / "s.csv")
    reconstructions(tmp_path / "run", str(tmp_path / "new.csv"), tmp_path / "r.csv")
    for name in ("s.csv", "r.csv"):
        head, *found = table(tmp_path / name)
        assert head == ["day", "count", "said", "ok", "size", *(["kind"] if name == "s.csv" else [])]
        assert {row[5] for row in found if len(row) > 5} <= {"a", "b"}
        for day, count, said, ok, size, *_ in found:
            assert day.startswith("2026-0")
            assert len(day) == 10
            assert count == str(int(count))
            assert said in ("Ja", "Nein")
            assert ok in ("TRUE", "FALSE")
            assert float(size) is not None
    samples(tmp_path / "run", 5, None, 0, tmp_path / "s.parquet")
    predictions(tmp_path / "run", str(tmp_path / "s.csv"), tmp_path / "one.csv")
    predictions(tmp_path / "run", str(tmp_path / "s.parquet"), tmp_path / "other.csv")
    assert [row[1] for row in table(tmp_path / "one.csv")] == [row[1] for row in table(tmp_path / "other.csv")]


def test_what_is_said_of_a_new_file_goes_before_what_its_run_said():
    own = ReadOptions(decimal=",", missing="?", label_column="kind")
    assert of_new_files(own) == ReadOptions(decimal=",", missing="?")
    new = of_new_files(own, ReadOptions(decimal=".", encoding="cp1252"))
    assert new == ReadOptions(decimal=".", missing="?", encoding="cp1252", chosen=("decimal", "encoding"))
    with pytest.raises(UsageError, match=r"--decimal is for tables .*; digits is not one"):
        read_input("digits", None, new)


@pytest.mark.parametrize("label", [None, "bee"])
def test_styles_are_not_drawn_from_the_random_numbers_of_the_classes(people, tmp_path, monkeypatch, label):
    """From the same numbers a class would always come with the same styles."""
    states = []
    monkeypatch.setattr(inference, "sample", lambda model, n, labels: states.append(torch.get_rng_state()) or
                        np.zeros((n, len(model.table.names)), np.float32))  # fmt: skip
    samples(people / "run", 5, label, 3, tmp_path / "s.csv")
    torch.manual_seed(3)
    assert torch.equal(states[0], torch.get_rng_state()) == (label is not None)
