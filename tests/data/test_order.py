import numpy as np
import pytest
import torch

from aae.data.order import BLOCKS_PER_WINDOW, BlockStream, RowsExcept, Stream

LEFT_OUT = np.array([0, 3, 4, 17, 99])


def test_rows_except_those_left_out():
    others = RowsExcept(100, LEFT_OUT)
    expected = np.setdiff1d(np.arange(100), LEFT_OUT)
    assert len(others) == 95
    np.testing.assert_array_equal(others[:200], expected)
    np.testing.assert_array_equal(others[:3], expected[:3])
    np.testing.assert_array_equal(others[10:20], expected[10:20])
    np.testing.assert_array_equal(others.in_range(2, 19), expected[(expected >= 2) & (expected < 19)])
    np.testing.assert_array_equal(others.including(np.array([3, 99]))[:200], np.setdiff1d(np.arange(100), [0, 4, 17]))


@pytest.mark.parametrize("size", [1, 7, 10, 33, 100, 1000])
def test_block_counts(size):
    others = RowsExcept(100, LEFT_OUT)
    np.testing.assert_array_equal(
        others.block_counts(size), [len(others.in_range(k, min(k + size, 100))) for k in range(0, 100, size)]
    )


def stream(count=1000, left_out=LEFT_OUT, batch=8, seed=1, block=5):
    return BlockStream(RowsExcept(count, left_out), batch, seed, block)


def one_pass(stream, number=0):
    return torch.cat([stream.at(step) for step in range(number * stream.steps, (number + 1) * stream.steps)]).numpy()


@pytest.mark.parametrize(("block", "batch"), [(5, 8), (1, 3), (7, 100), (400, 8), (2000, 5), (3, 995)])
def test_a_pass_reads_every_row_once(block, batch):
    rows = stream(block=block, batch=batch)
    read = one_pass(rows)
    assert len(set(read.tolist())) == len(read) == rows.steps * rows.batch_size
    assert not set(read.tolist()) & set(LEFT_OUT.tolist())
    assert len(read) > 995 - batch  # rows that do not fill a batch are left out of the pass


def test_any_step_can_be_read_without_those_before():
    rows = stream()
    later = rows.at(3 * rows.steps + 5)
    for step in (0, 7, rows.steps + 2):
        rows.at(step)
    assert torch.equal(rows.at(3 * rows.steps + 5), later)
    assert torch.equal(stream().at(3 * rows.steps + 5), later)


def test_passes_and_seeds_differ():
    assert not np.array_equal(one_pass(stream()), one_pass(stream(), 1))
    assert not np.array_equal(one_pass(stream()), one_pass(stream(seed=2)))


def test_a_batch_holds_rows_of_many_blocks_and_separates_neighbours():
    rows = stream(count=64_000, block=100, batch=128)
    batch = rows.at(3).numpy()
    assert len(np.unique(batch // 100)) > BLOCKS_PER_WINDOW / 2
    assert np.ptp(batch) > 32_000
    read = one_pass(rows)
    place = np.full(64_000, -1)
    place[read] = np.arange(len(read))
    both = (place[:-1] >= 0) & (place[1:] >= 0)
    assert np.median(np.abs(np.diff(place))[both]) > 1000  # rows of a batch are 128


def test_the_blocks_of_a_step_hold_its_rows():
    rows = stream(count=64_000, block=100, batch=16)
    for step in (0, 5, rows.steps + 1):
        inside = np.concatenate([np.arange(*block) for block in rows.blocks(step)])
        assert np.isin(rows.at(step).numpy(), inside).all()


@pytest.mark.parametrize("make", [lambda n, s: Stream(np.arange(100), n, 0, shards=s),
                                  lambda n, s: BlockStream(RowsExcept(100, LEFT_OUT), n, 0, 10, s)])  # fmt: skip
def test_batches_that_processes_share_are_multiples(make):
    assert make(10, 1).batch_size == 10
    assert make(10, 3).batch_size == 9
    assert make(1000, 8).batch_size == 88 if isinstance(make(10, 1), BlockStream) else 96
    assert make(2, 3).batch_size == 0
