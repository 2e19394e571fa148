"""Rows keep the number or file that they have in their source, wherever test rows were taken from."""

import numpy as np
from sklearn.datasets import load_digits

from aae.data.row_keys import keys_of
from aae.data.sources import ReadOptions, load_data
from helpers.written import write_picture


def grey(row):
    return np.full((8, 8), row, np.uint8)


def test_of_digits():
    data, images = load_data("digits"), np.round(load_digits().images * (255 / 16)).astype(np.uint8)
    assert keys_of(data).name == "index"
    assert np.array_equal(images[keys_of(data).train], data.x)
    assert np.array_equal(images[keys_of(data).test], data.test_x)


def test_of_a_folder(tmp_path):
    for k in range(20):
        write_picture(tmp_path / "ab"[k % 2] / f"{k}.png", grey(10 * k))
    data = load_data(str(tmp_path))
    assert keys_of(data).name == "file"
    for rows, names in ((data.x, keys_of(data).train), (data.test_x, keys_of(data).test)):
        assert [name.split("/")[1] for name in names] == [f"{row[0, 0] // 10}.png" for row in rows]
        assert all((tmp_path / name).is_file() for name in names)


def test_of_folders_to_train_and_test_on(tmp_path):
    for k in range(8):
        write_picture(tmp_path / ("train" if k % 2 else "test") / "ab"[k // 4] / f"{k}.png", grey(10 * k))
    data = load_data(str(tmp_path))
    assert set(keys_of(data).test) == {"test/a/0.png", "test/a/2.png", "test/b/4.png", "test/b/6.png"}
    assert all(name.startswith("train/") for name in keys_of(data).train)


def test_of_an_array(tmp_path):
    x = np.arange(60, dtype=np.float32).reshape(20, 3)
    np.savez(tmp_path / "a.npz", x=x)
    data = load_data(str(tmp_path / "a.npz"))
    assert np.array_equal(data.x, x[keys_of(data).train])
    assert np.array_equal(data.test_x, x[keys_of(data).test])


def test_of_test_rows_apart(tmp_path):
    x = np.arange(60, dtype=np.float32).reshape(20, 3)
    np.savez(tmp_path / "a.npz", x=x, x_test=x[:2] + 1)
    np.savez(tmp_path / "b.npz", x=x[:3])
    data = load_data(str(tmp_path / "a.npz"))
    assert keys_of(data).train.tolist() == list(range(20))
    assert keys_of(data).test.tolist() == [20, 21]  # as a labels file numbers them
    data = load_data(str(tmp_path / "a.npz"), ReadOptions(test=str(tmp_path / "b.npz")))
    assert keys_of(data).train.tolist() == list(range(20))
    assert keys_of(data).test.tolist() == [f"{tmp_path / 'b.npz'}: {k}" for k in range(3)]


def test_rows_of_a_text_file_have_lines(tmp_path):
    lines = ["name,size", *(f"{name},{k}" for k, name in enumerate("abcdefghij"))]
    lines[4:4] = ["# a comment,"]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    keys = keys_of(data := load_data(str(tmp_path / "a.csv"), ReadOptions(kind={"size": "number"})))
    assert len(data.test_x)
    for k, row in enumerate(data.test_x[:, -1].astype(int)):
        number, _, line = keys.of_test(k).partition(" ")
        assert int(number) == row
        assert lines[int(line.strip("()").split()[1]) - 1].endswith(f",{row}")
    (tmp_path / "a.csv").unlink()
    assert keys.of_test(0) == str(keys.test[0])


def test_rows_with_a_key_are_called_by_it(tmp_path):
    (tmp_path / "a.csv").write_text("who,size\n" + "".join(f"p{k},{k % 4}\n" for k in range(20)))
    keys = keys_of(load_data(str(tmp_path / "a.csv"), ReadOptions(key_column="who")))
    assert (keys.name, keys.of_test(0)) == ("who", f"p{keys.test[0][1:]}")
