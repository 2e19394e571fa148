"""Folders of images and texts, and text columns, as data sets of vectors."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from aae.data.dataset import ReadOptions
from aae.data.facts import digests_of
from aae.data.features.encoder import Encoder
from aae.data.row_keys import keys_of
from aae.data.sources import load_data
from aae.system.errors import AAEError, UsageError
from helpers.encoders import WORDS, image_encoder, text_encoder
from helpers.written import write_picture

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def photos(tmp_path):
    for name, colour in (("red", 0), ("blue", 2)):
        for k in range(10):
            pixels = RNG.integers(0, 80, (12, 12, 3), dtype=np.uint8)
            pixels[..., colour] += 150
            write_picture(tmp_path / "photos" / name / f"{k}.png", pixels)
    return tmp_path / "photos"


def read(path, folder, **options):
    return load_data(path, ReadOptions(features=str(folder), **options))


def pixels_of(path):
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.resize((8, 8), Image.Resampling.BILINEAR), np.float32).mean((0, 1)) / 255


def test_each_image_becomes_the_vector_of_its_own_pixels_and_keeps_its_label(photos, tmp_path):
    data = read(photos, image_encoder(tmp_path / "encoder"))
    assert data.shape == (3,)
    assert data.x.dtype == np.float32
    assert (len(data.x), len(data.test_x), data.classes) == (16, 4, ["blue", "red"])
    keys = keys_of(data)
    for rows, labels, names in ((data.x, data.y, keys.train), (data.test_x, data.test_y, keys.test)):
        for row, label, name in zip(rows, labels, names, strict=True):
            assert np.allclose(row, pixels_of(photos / name), atol=1e-5)
            assert data.classes[label] == name.split("/")[0]
    assert data.encoder.name == "encoder"
    assert "Each image is read as 3 numbers, the output pooler_output of the frozen encoder encoder." in data.notes


def test_the_pictures_are_kept_to_be_shown(photos, tmp_path):
    data = read(photos, image_encoder(tmp_path / "encoder"))
    pictures = data.originals.pictures(keys_of(data).test.tolist())
    assert pictures.shape == (4, 12, 12, 3)
    assert [("blue", "red")[int(p[..., 0].mean() > p[..., 2].mean())] for p in pictures] == \
        [data.classes[k] for k in data.test_y]
    assert isinstance(data.originals.rows, np.memmap)  # they stay on the disk
    assert not data.originals.pictures(["no such file"]).any()


def test_the_second_start_takes_the_vectors_from_the_cache(photos, tmp_path, monkeypatch):
    folder = image_encoder(tmp_path / "encoder")
    first = read(photos, folder)
    monkeypatch.setattr(Encoder, "_run", None)
    again = read(photos, folder)
    assert np.array_equal(first.x, again.x)
    assert first.notes == again.notes


def test_only_new_images_go_through_the_encoder(photos, tmp_path, monkeypatch):
    folder, seen = image_encoder(tmp_path / "encoder"), []
    first = read(photos, folder)
    run = Encoder._run
    monkeypatch.setattr(Encoder, "_run", lambda self, inputs, *rest: seen.append(len(inputs["pixel_values"])) or
                        run(self, inputs, *rest))  # fmt: skip
    write_picture(photos / "red" / "new.png", np.full((12, 12, 3), 7, np.uint8))
    data = read(photos, folder)
    assert seen == [1]
    assert len(data.x) + len(data.test_x) == len(first.x) + len(first.test_x) + 1
    keys = [*keys_of(data).train, *keys_of(data).test]
    every = dict(zip(keys, [*data.x, *data.test_x], strict=True))
    assert np.allclose(every["red/new.png"], 7 / 255)


def test_what_was_encoded_before_an_interrupt_is_kept(photos, tmp_path, monkeypatch):
    folder, seen, run = image_encoder(tmp_path / "encoder"), [], Encoder._run
    monkeypatch.setattr("aae.data.features.encoder.BATCH", 4)

    def interrupted(self, inputs, *rest):
        seen.append(len(inputs["pixel_values"]))
        if len(seen) == 3:
            raise KeyboardInterrupt
        return run(self, inputs, *rest)

    monkeypatch.setattr(Encoder, "_run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read(photos, folder)
    read(photos, folder)
    assert sum(seen[3:]) == 12  # of 20, 8 were done


def test_another_encoder_or_output_gives_other_vectors(photos, tmp_path):
    folder = image_encoder(tmp_path / "encoder", ("pooler_output", "last_hidden_state"))
    first = read(photos, folder)
    tokens = read(photos, folder, features_output="class_token")
    assert not np.allclose(first.x, tokens.x)
    image_encoder(folder, ("pooler_output", "last_hidden_state"), scale=2.0)
    assert np.allclose(read(photos, folder).x, 2 * first.x, atol=1e-5)
    with pytest.raises(AAEError, match=r"is not the encoder that the model was trained with \(encoder, SHA-256 "):
        load_data(photos, ReadOptions(features=str(folder), encoder=first.encoder))


def test_parts_test_data_and_a_file_of_labels(photos, tmp_path):
    folder = image_encoder(tmp_path / "encoder")
    (tmp_path / "parts").mkdir()
    photos.rename(tmp_path / "parts" / "train")
    for name in ("red", "blue"):
        write_picture(tmp_path / "parts" / "test" / name / "a.png", np.full((9, 9, 3), 9, np.uint8))
    data = read(tmp_path / "parts", folder)
    assert (len(data.x), len(data.test_x)) == (20, 2)
    assert np.allclose(data.test_x, 9 / 255)
    data = read(tmp_path / "parts" / "train", folder, test=str(tmp_path / "parts" / "test"))
    assert np.allclose(data.test_x, 9 / 255)
    assert np.allclose(data.originals.pictures(keys_of(data).test.tolist()), 9)
    labels = tmp_path / "labels.csv"
    labels.write_text("file,label\nred/0.png,warm\nred/1.png,warm\nblue/0.png,cold\nblue/1.png,cold\n")
    data = read(tmp_path / "parts" / "train", folder, labels_file=str(labels))
    assert sorted(data.classes) == ["cold", "warm"]
    assert int((data.y >= 0).sum()) == 4


def test_equal_rows_are_told_by_what_was_read(photos, tmp_path):
    data = read(photos, image_encoder(tmp_path / "encoder"))
    rounded = replace(data, x=data.x + np.float32(1e-7))  # as another processor may round
    assert np.array_equal(digests_of(data).train, digests_of(rounded).train)
    assert len(np.unique(digests_of(data).train)) == len(data.x)


def test_nan_of_an_image_is_named(photos, tmp_path):
    with pytest.raises(AAEError, match=r"The encoder encoder gives NaN or infinity for blue/0.png; remove it"):
        read(photos, image_encoder(tmp_path / "encoder", scale=float("nan")))


def test_images_that_cannot_be_read_are_left_out_and_said(photos, tmp_path):
    (photos / "red" / "broken.jpg").write_bytes(b"no image")
    data = read(photos, image_encoder(tmp_path / "encoder"))
    assert len(data.x) + len(data.test_x) == 20
    assert any("1 image could not be read and was left out: red/broken.jpg" in note for note in data.notes)


@pytest.mark.parametrize(("options", "sentence"), [
    ({"fit": "pad"}, "--fit is not for --features: the encoder's own settings say how images are cut"),
    ({"image_size": 16}, "--image-size is not for --features"),
    ({"text_column": "review"}, "--text-column is for tables"),
    ({"features_output": "logits"}, "called 'logits'"),
])  # fmt: skip
def test_options_that_do_not_go_together(photos, tmp_path, options, sentence):
    with pytest.raises(AAEError) as error:
        read(photos, image_encoder(tmp_path / "encoder"), **options)
    assert sentence in str(error.value)


def test_what_is_not_for_an_encoder(tmp_path):
    np.savez(tmp_path / "rows.npz", x=np.zeros((9, 4)))
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n3,4\n")
    folder = image_encoder(tmp_path / "encoder")
    with pytest.raises(UsageError, match=r"--features is for folders of images or texts, and for a text column"):
        read(tmp_path / "rows.npz", folder)
    with pytest.raises(UsageError, match="name the column of its texts with --text-column"):
        read(tmp_path / "rows.csv", folder)
    with pytest.raises(AAEError, match=r"is an encoder of images, without the tokenizer.json that texts need"):
        read(tmp_path / "rows.csv", folder, text_column="a")
    with pytest.raises(UsageError, match=r"digits has a fixed format and fixed test rows; drop --features."):
        read("digits", folder)
    for name in ("text_column", "features_output"):
        with pytest.raises(UsageError, match="name it with --features"):
            load_data(tmp_path / "rows.csv", ReadOptions(**{name: "a"}))


REVIEWS = [("good film", "yes"), ("bad film", "no"), ("good book", "yes"), ("bad book", "no")] * 6


def write_reviews(path, rows=REVIEWS, extra=()):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("id", "review", "liked"), *((k, *row) for k, row in enumerate([*rows, *extra]))])
    return path


def test_a_text_column_with_labels_beside_it(tmp_path):
    folder, table = text_encoder(tmp_path / "encoder")
    data = read(write_reviews(tmp_path / "reviews.csv"), folder, text_column="review", label_column="liked")
    assert data.shape == (4,)
    assert data.classes == ["no", "yes"]
    texts = data.originals.texts(keys_of(data).train.tolist())
    for row, label, text in zip(data.x, data.y, texts, strict=True):
        assert np.allclose(row, table[[WORDS.index(word) for word in text.split()]].mean(0), atol=1e-6)
        assert data.classes[label] == ("yes" if "good" in text else "no")
    assert any(note.startswith("1 other column is not learned from: 'id'") for note in data.notes)


def test_keys_and_a_file_of_labels_for_texts(tmp_path):
    folder, _ = text_encoder(tmp_path / "encoder")
    labels = tmp_path / "labels.csv"
    labels.write_text("id,label\n" + "".join(f"{k},{REVIEWS[k][1]}\n" for k in range(8)))
    data = read(write_reviews(tmp_path / "reviews.csv"), folder, text_column="review", key_column="id",
                labels_file=str(labels))  # fmt: skip
    assert data.classes == ["no", "yes"]
    keys = keys_of(data)
    assert keys.name == "id"
    for key, label in zip(keys.train.tolist(), data.y, strict=True):
        assert (label >= 0) == (int(key) < 8)
    assert data.originals.texts(keys.train[:2].tolist()) == [REVIEWS[int(key)][0] for key in keys.train[:2]]


def test_texts_to_test_on(tmp_path):
    folder, _ = text_encoder(tmp_path / "encoder")
    other = write_reviews(tmp_path / "other.csv", [("bad bad", "no"), ("good good", "yes")])
    data = read(write_reviews(tmp_path / "reviews.csv"), folder, text_column="review", label_column="liked",
                test=str(other))  # fmt: skip
    assert len(data.x) == len(REVIEWS)
    assert data.originals.texts(keys_of(data).test.tolist()) == ["bad bad", "good good"]


def test_empty_cells_of_a_text_column_are_said(tmp_path):
    folder, _ = text_encoder(tmp_path / "encoder")
    extra = [("", "yes"), ("  ", "no")]
    reviews = write_reviews(tmp_path / "reviews.csv", extra=extra)
    data = read(reviews, folder, text_column="review", label_column="liked")
    assert len(data.x) + len(data.test_x) == len(REVIEWS) + 2
    assert "2 of 26 texts are empty; they are read as texts without words." in data.notes
    assert np.isfinite(data.x).all()
    with pytest.raises(AAEError, match=r"text column 'review': all 2 texts are empty, so there is nothing to read"):
        read(write_reviews(tmp_path / "empty.csv", extra), folder, text_column="review")


@pytest.mark.parametrize(("options", "sentence"), [
    ({"text_column": "revue"}, "called 'revue'; did you mean 'review'"),
    ({"text_column": "liked", "label_column": "liked"}, "--text-column and --label-column both name 'liked'"),
    ({"text_column": "id", "key_column": "id"}, "--text-column and --key-column both name 'id'"),
])  # fmt: skip
def test_text_columns_that_are_not_there(tmp_path, options, sentence):
    folder, _ = text_encoder(tmp_path / "encoder")
    with pytest.raises(AAEError) as error:
        read(write_reviews(tmp_path / "reviews.csv"), folder, **options)
    assert sentence in str(error.value)


def write_texts(root):
    for k, (text, label) in enumerate(REVIEWS):
        (root / label).mkdir(parents=True, exist_ok=True)
        (root / label / f"{k}.txt").write_text(text, encoding="utf-8")
    return root


def test_a_folder_of_texts_labelled_by_its_folders(tmp_path):
    folder, table = text_encoder(tmp_path / "encoder")
    root = write_texts(tmp_path / "texts")
    (root / "yes" / "latin.txt").write_bytes("good café".encode("cp1252"))
    (root / "yes" / "zeros.txt").write_bytes(b"\0\1\2" * 9)
    (root / "picture.png").write_bytes(b"")
    data = read(root, folder)
    assert data.classes == ["no", "yes"]
    assert len(data.x) + len(data.test_x) == len(REVIEWS) + 1
    for row, key in zip(data.x, keys_of(data).train, strict=True):
        [text] = data.originals.texts([key])
        assert np.allclose(row, table[[WORDS.index(w) if w in WORDS else 0 for w in text.split()]].mean(0), atol=1e-6)
    assert any(note.startswith("1 text could not be read and was left out: yes/zeros.txt") for note in data.notes)
    assert any(note.startswith("1 file is not UTF-8, such as yes/latin.txt") for note in data.notes)
    assert any("1 file is not a text that can be read: 1 .png" in note for note in data.notes)
    with pytest.raises(AAEError, match=r"zeros.txt is not a readable text"):
        read(root, folder, strict=True)
    (tmp_path / "none").mkdir()
    with pytest.raises(AAEError, match=r"holds no texts \(.txt\), nor do the folders in it; check the path."):
        read(tmp_path / "none", folder)


def test_texts_of_a_data_frame(tmp_path):
    pandas = pytest.importorskip("pandas")
    folder, _ = text_encoder(tmp_path / "encoder")
    frame = pandas.DataFrame(REVIEWS, columns=["review", "liked"])
    data = load_data(frame, ReadOptions(features=str(folder), text_column="review", label_column="liked"))
    assert (data.shape, data.classes) == ((4,), ["no", "yes"])
