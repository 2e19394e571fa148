import numpy as np
import pytest
import torch

from aae.data.batches import Batches, to_input
from aae.data.dataset import Dataset
from aae.data.sources import load_data
from aae.data.splits import Split, split_data
from aae.system.errors import AAEError
from helpers.models import CLASSES, FAMILIES

ROWS, LABELLED = 60, 12
NUMBERS = np.arange(ROWS)


@pytest.fixture
def data():
    """Each row holds its own number, so that a batch shows which rows it holds."""
    x = np.repeat(NUMBERS[:, None], 6, 1).astype(np.float32)
    return Dataset("numbers", x, NUMBERS % CLASSES, x[:1], NUMBERS[:1], list(range(CLASSES)))


@pytest.fixture
def split():
    return Split(NUMBERS[:LABELLED], NUMBERS[LABELLED:50], NUMBERS[50:])


def batches(data, split, family="aae", batch_size=10, labelled=6, seed=0):
    return Batches(data, split, FAMILIES[family](), batch_size, labelled, seed)


def read(x):
    return x[:, 0].int().tolist()


@pytest.mark.parametrize(("family", "rows"), [
    ("aae", range(50)), ("vae", range(50)), ("clustering", range(50)),
    ("supervised", range(LABELLED)), ("semi-supervised", range(LABELLED, 50)), ("embedding", range(LABELLED, 50)),
])
@pytest.mark.parametrize("batch_size", [1, 2])
def test_each_pass_visits_every_row_once(data, split, family, rows, batch_size):
    source = batches(data, split, family, batch_size)
    steps = source.steps_per_epoch
    assert steps == len(rows) // batch_size
    passes = [[n for step in range(steps) for n in read(source.at(k * steps + step).x)] for k in range(2)]
    assert sorted(passes[0]) == sorted(passes[1]) == list(rows)
    assert passes[0] != passes[1]
    assert passes[0] != sorted(passes[0])


def test_a_batch_is_a_function_of_the_step(data, split):
    source = batches(data, split, "semi-supervised")
    walked = [source.at(step) for step in range(10)]
    for step in (7, 0, 9, 3):
        for other in (source.at(step), batches(data, split, "semi-supervised").at(step)):
            assert torch.equal(other.x, walked[step].x)
            assert torch.equal(other.labelled_x, walked[step].labelled_x)


def test_the_order_follows_the_seed(data, split):
    first, other = (batches(data, split, "semi-supervised", seed=seed).at(0) for seed in (0, 1))
    assert read(first.x) != read(other.x)
    assert read(first.labelled_x) != read(other.labelled_x)


@pytest.mark.parametrize("family", ["aae", "conditioned", "semi-supervised", "supervised"])
def test_only_labelled_rows_have_their_label(data, split, family):
    source = batches(data, split, family)
    for step in range(source.steps_per_epoch):
        batch = source.at(step)
        expected = [n % CLASSES if n < LABELLED else -1 for n in read(batch.x)]
        assert batch.labels.tolist() == expected


def test_a_supervised_latent_gets_labelled_rows_besides_the_others(data, split):
    source = batches(data, split, "semi-supervised")
    seen = []
    for step in range(4):
        batch = source.at(step)
        assert batch.labelled_y.tolist() == [n % CLASSES for n in read(batch.labelled_x)]
        seen += read(batch.labelled_x)
    assert sorted(seen) == sorted(2 * list(range(LABELLED)))


@pytest.mark.parametrize("family", ["aae", "supervised", "conditioned", "clustering"])
def test_other_models_get_none(data, split, family):
    batch = batches(data, split, family).at(0)
    assert batch.labelled_x is None
    assert batch.labelled_y is None


def test_a_conditioned_latent_reads_labelled_rows_among_the_others(data, split):
    source = batches(data, split, "conditioned", batch_size=6, labelled=100)
    labelled, others = [], []
    for step in range(source.steps_per_epoch):
        rows = read(source.at(step).x)
        others += rows[:3]
        labelled += rows[3:]
    assert set(labelled) == set(range(LABELLED))
    assert len(set(others)) == len(others) == 36
    assert min(others) >= LABELLED


def test_few_labelled_rows_fill_a_batch_by_repeating(data):
    few = Split(NUMBERS[:3], NUMBERS[3:50], NUMBERS[50:])
    source = batches(data, few, "semi-supervised", labelled=6)
    assert sorted(read(source.at(0).labelled_x)) == [0, 0, 1, 1, 2, 2]


def test_without_unlabelled_rows_all_rows_are_read(data):
    full = Split(NUMBERS[:50], NUMBERS[:0], NUMBERS[50:])
    source = batches(data, full, "semi-supervised", batch_size=50)
    assert sorted(read(source.at(0).x)) == list(range(50))


def test_validation_rows_are_never_read(data, split):
    for family in FAMILIES:
        source = batches(data, split, family)
        for step in range(12):
            batch = source.at(step)
            assert max(read(batch.x)) < 50
            assert batch.labelled_x is None or max(read(batch.labelled_x)) < LABELLED


def test_a_batch_larger_than_the_set_is_the_set(data, split):
    source = batches(data, split, batch_size=1000)
    assert source.steps_per_epoch == 1
    assert sorted(read(source.at(3).x)) == list(range(50))


def test_left_over_rows_are_not_read_in_the_same_pass(data, split):
    source = batches(data, split, batch_size=15)
    assert source.steps_per_epoch == 3
    assert all(len(source.at(step).x) == 15 for step in range(7))


def test_progress_is_passed_to_the_batch(data, split):
    assert batches(data, split).at(2, progress=0.25).progress == 0.25


@pytest.mark.parametrize("family", ["supervised", "conditioned", "semi-supervised", "classifier"])
def test_models_that_learn_from_labels_need_some(data, family):
    with pytest.raises(AAEError, match="learns from labels, but none were given; use --labels N"):
        batches(data, Split(NUMBERS[:0], NUMBERS[:50], NUMBERS[50:]), family)


@pytest.mark.parametrize("rows", [0, 1])
def test_a_single_row_is_not_enough(data, rows):
    with pytest.raises(AAEError, match=f"numbers leaves {rows} rows to train on"):
        batches(data, Split(NUMBERS[:0], NUMBERS[:rows], NUMBERS[50:]))


def test_bytes_are_scaled_and_numbers_are_not():
    bytes_ = torch.tensor([[0, 51, 255]], dtype=torch.uint8)
    assert torch.allclose(to_input(bytes_), torch.tensor([[0.0, 0.2, 1.0]]))
    assert bytes_.tolist() == [[0, 51, 255]]
    numbers = torch.tensor([[-3.5, 300.0]], dtype=torch.float64)
    assert to_input(numbers).dtype == torch.float32
    assert to_input(numbers).tolist() == numbers.tolist()


def test_images_from_files_are_read_without_a_warning(idx_folder):
    data = load_data(idx_folder)
    split = split_data(data, 6)
    source = Batches(data, split, FAMILIES["semi-supervised"](shape=(8, 8)), 10, 6, seed=0)
    batch = source.at(0)
    assert batch.x.shape == (10, 8, 8)
    assert 0 <= batch.x.min() <= batch.x.max() <= 1
    assert batch.x.max() > 0.9
