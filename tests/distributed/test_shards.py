import numpy as np
import pytest
import torch
from torch import Tensor, nn

from aae.data.batches import Batches
from aae.data.dataset import Dataset
from aae.data.splits import Split
from aae.distributed import shards
from aae.distributed.shards import Shard
from aae.model.networks import Dropout
from aae.model.posteriors import Gaussian
from aae.system.errors import AAEError
from helpers.close import assert_close
from helpers.models import CLASSES, FAMILIES, SHAPE, WIDTH

pytestmark = pytest.mark.numeric

MAIN, LABELLED = 6, 4  # rows of a process's share


def shares(make, count=2):
    """The result of every process on its share, each from the same state of the generator."""
    found = []
    for rank in range(count):
        shard = Shard(rank, count)
        shard.set_sizes(MAIN, LABELLED)
        torch.manual_seed(0)
        with shards.sharing(shard):
            found.append(make())
    return found


def whole(make):
    torch.manual_seed(0)
    return make()


@pytest.mark.parametrize("count", [2, 3])
def test_draws_are_those_of_the_whole_batch(count):
    drawn = shares(lambda: shards.randn_like(torch.zeros(MAIN, 3)), count)
    torch.testing.assert_close(torch.cat(drawn), whole(lambda: torch.randn(count * MAIN, 3)), rtol=0, atol=0)


def test_draws_for_labelled_rows_beside_the_main_ones():
    one, two = shares(lambda: shards.rand_like(torch.zeros(MAIN + LABELLED, 3)))
    both = whole(lambda: torch.rand(2 * (MAIN + LABELLED), 3))
    main, labelled = both[: 2 * MAIN], both[2 * MAIN :]
    assert torch.equal(one, torch.cat([main[:MAIN], labelled[:LABELLED]]))
    assert torch.equal(two, torch.cat([main[MAIN:], labelled[LABELLED:]]))


def test_draws_along_another_dimension():
    drawn = shares(lambda: shards.draw((5, MAIN), Tensor.uniform_, dim=1))
    assert torch.equal(torch.cat(drawn, 1), whole(lambda: torch.rand(5, 2 * MAIN)))


def test_every_process_leaves_the_generator_in_the_same_state():
    after = shares(lambda: (shards.randn_like(torch.zeros(MAIN, 3)), shards.randn_like(torch.zeros(17)), torch.rand(2)))
    assert torch.equal(after[0][2], after[1][2])


@pytest.mark.parametrize(
    "make",
    [
        lambda x: Dropout(0.5)(x),
        lambda x: Gaussian(3, 2)(x).rsample(),
        lambda x: Gaussian(3, 2)(x).sample(),
    ],
    ids=["dropout", "rsample", "sample"],
)
def test_modules_draw_for_the_whole_batch(make):
    x = torch.randn(2 * MAIN, 3)
    shard = iter((x[:MAIN], x[MAIN:]))
    assert_close(torch.cat(shares(lambda: make(next(shard)))), whole(lambda: make(x)), 3 + 10)


def test_with_one_process_everything_is_the_plain_operation():
    x = torch.randn(4, 2)
    assert (shards.world_size(), shards.rank()) == (1, 0)
    assert shards.all_gather(x) is x
    assert shards.mean(x) is x
    assert shards.local_rows(x) is x
    assert torch.equal(whole(lambda: shards.randn_like(x)), whole(lambda: torch.randn_like(x)))


def test_sharing_ends_with_the_block():
    with shards.sharing(Shard(1, 2)):
        assert shards.world_size() == 2
    with pytest.raises(ZeroDivisionError), shards.sharing(Shard(1, 2)):
        raise ZeroDivisionError
    assert shards.world_size() == 1


def test_batch_norm_keeps_its_parameters_and_is_unchanged_outside_of_sharing():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Unflatten(1, (4, 1, 1)), nn.BatchNorm2d(4))
    x = torch.randn(8, 3)
    before, names = model.eval()(x), list(model.state_dict())
    shards.share_batch_norm(model)
    assert list(model.state_dict()) == names
    assert torch.equal(model(x), before)
    model.train()
    model(x)
    assert not torch.equal(model.eval()(x), before)


def batches_of(family, shard, **sizes):
    rng = np.random.default_rng(0)
    x = np.arange(60 * WIDTH, dtype=np.float32).reshape(60, WIDTH)[:, : SHAPE[0]] / 1000
    data = Dataset("rows", x, np.arange(60) % CLASSES, x, np.arange(60) % CLASSES, list(range(CLASSES)))
    split = Split(rng.permutation(60)[:12], np.arange(12, 50), np.arange(50, 60))
    sizes = {"batch_size": 12, "labelled_batch_size": 6, **sizes}
    return Batches(data, split, FAMILIES[family](), seed=0, shard=shard, **sizes)


@pytest.mark.parametrize("family", ["autoencoder", "semi-supervised", "conditioned", "supervised"])
@pytest.mark.parametrize("count", [2, 3])
def test_a_batch_is_divided_without_overlap(family, count):
    alone = batches_of(family, None)
    parts = [batches_of(family, Shard(rank, count)) for rank in range(count)]
    assert {part.steps_per_epoch for part in parts} == {alone.steps_per_epoch}
    for step in (0, 1, alone.steps_per_epoch):
        one, several = alone.at(step), [part.at(step) for part in parts]
        for name in ("x", "labels", "labelled_x", "labelled_y"):
            if getattr(one, name) is not None:
                assert torch.equal(torch.cat([getattr(part, name) for part in several]), getattr(one, name))
        assert all(torch.equal(part.all_labels, one.labels) for part in several)


def test_a_share_needs_a_row():
    with pytest.raises(AAEError, match="16 processes cannot share a batch of 12 rows and 6 labelled ones"):
        batches_of("semi-supervised", Shard(0, 16))
    with pytest.raises(AAEError, match="Raise --batch-size, or use fewer devices"):
        batches_of("semi-supervised", Shard(0, 7))


def test_a_batch_that_cannot_be_divided_evenly_is_made_smaller():
    part = batches_of("autoencoder", Shard(1, 5))
    assert len(part.at(0).x) == 2
