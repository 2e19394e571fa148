import pytest
import torch

from aae.objectives.neighbours import NearestRows


def test_a_change_learned_from_neighbours_is_ignored():
    """Two groups of rows on parallel lines: rows far along a line still count as near."""
    generator = torch.Generator().manual_seed(0)
    basis = torch.linalg.qr(torch.randn(6, 6, generator=generator))[0]
    group = torch.arange(200) % 2
    rows = 20 * torch.rand(200, 1, generator=generator) * basis[0] + 0.6 * group[:, None] * basis[1]
    rows = rows + 0.05 * torch.randn(200, 6, generator=generator)
    stored = NearestRows(rows)

    def own_group():
        return (group[stored.nearest(rows, 9)] == group[:, None]).float().mean().item()

    with_tangents = own_group()
    stored.tangents = None
    assert with_tangents > 0.95
    assert own_group() < 0.9


@pytest.mark.parametrize("rows", [torch.ones(30, 12), torch.eye(12).repeat(10, 1), torch.rand(3, 12)])
def test_rows_without_a_change_to_learn_have_neighbours_too(rows):
    near = NearestRows(rows).nearest(rows, 16)
    assert near.shape == (len(rows), min(16, len(rows)))
    assert torch.equal(rows[near[:, 0]], rows)


def test_fewer_rows_than_are_asked_for():
    rows = torch.rand(8, 2)
    assert NearestRows(rows[:2]).nearest(rows, 6).shape == (8, 2)
