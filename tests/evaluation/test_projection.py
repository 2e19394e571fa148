import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from aae.evaluation.projection import neighbour_plane
from aae.system.errors import AAEError
from helpers.figures import RNG

LABELS = np.arange(240) % 4


@pytest.fixture(scope="module")
def groups():
    """240 rows of 80 numbers in four groups that lie well apart."""
    centres = 6 * RNG.normal(size=(4, 80))
    return centres[LABELS] + RNG.normal(size=(240, 80))


def test_groups_stay_apart(groups):
    points = neighbour_plane(groups)
    assert points.shape == (240, 2)
    assert np.isfinite(points).all()
    found = KNeighborsClassifier(5).fit(points[:120], LABELS[:120]).score(points[120:], LABELS[120:])
    assert found == 1
    centres = np.stack([points[k::4].mean(0) for k in range(4)])
    radius = max(np.linalg.norm(points[k::4] - centres[k], axis=1).mean() for k in range(4))
    assert min(np.linalg.norm(centres[i] - centres[j]) for i in range(4) for j in range(i)) > 2 * radius


def test_the_same_rows_give_the_same_points(groups):
    state = np.random.get_state()[1].copy()
    assert np.array_equal(neighbour_plane(groups[:60]), neighbour_plane(groups[:60]))
    assert np.array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_the_scale_of_the_rows_does_not_matter(groups, scale):
    # Rounding differs, so only the arrangement is the same.
    points = neighbour_plane(scale * groups[:60])
    assert KNeighborsClassifier(3).fit(points, LABELS[:60]).score(points, LABELS[:60]) == 1


@pytest.mark.parametrize("rows", [
    np.ones((7, 4)), np.full((7, 4), 0.1, np.float32), np.zeros((6, 1)), np.zeros((5, 90)),
])
def test_rows_that_are_all_the_same_share_a_point(rows):
    points = neighbour_plane(rows)
    assert points.shape == (len(rows), 2)
    assert not np.ptp(points, axis=0).any()


@pytest.mark.parametrize("rows", [
    np.eye(2)[np.arange(40) % 2], np.vstack([np.zeros((30, 3)), np.ones((1, 3))]), RNG.normal(size=(40, 1)),
    RNG.normal(size=(5, 90)), RNG.normal(size=(40, 4)) * [1, 0, 0, 0],
], ids=["two rows over and over", "one row apart", "one number", "as few as can be", "one direction"])
def test_rows_of_few_kinds_or_directions(rows):
    points = neighbour_plane(rows)
    assert points.shape == (len(rows), 2)
    assert np.isfinite(points).all()


@pytest.mark.parametrize(("rows", "message"), [
    (np.zeros((4, 3)), "at least 5 rows .*; these have shape \\(4, 3\\)"), (np.zeros((0, 3)), "at least 5"),
    (np.zeros(9), "rows \\(N, D\\)"), (np.full((9, 2), np.nan), "the training diverged"),
])
def test_rows_that_cannot_be_projected(rows, message):
    with pytest.raises(AAEError, match=message):
        neighbour_plane(rows)
