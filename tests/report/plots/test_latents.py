import re

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba
from torch import nn
from torch.distributions import Independent, Normal

from aae.evaluation.prior_regions import prior_samples
from aae.model.priors import BallPrior, CubePrior, GaussianPrior, SwissRollPrior, ring_mixture
from aae.report import plots
from aae.report.plots.drawing import MARKERS, PALETTE
from aae.system.errors import AAEError
from helpers.figures import IMAGE, RNG, STRANGE, draw, legend
from helpers.models import FAMILIES


def test_map_draws_every_row_in_its_class_colour():
    codes, labels = RNG.normal(size=(40, 2)), np.repeat([0, 1, 2, -1], 10)
    figure = plots.latent_map(codes, labels, STRANGE, GaussianPrior(2))
    points = np.vstack([collection.get_offsets() for collection in figure.axes[0].collections
                        if len(collection.get_offsets()) > 1])
    assert np.allclose(np.sort(points, axis=0), np.sort(codes, axis=0))
    assert legend(figure) == [*STRANGE, "no label", "50 % of the prior", "90 % of the prior"]
    colours = {to_rgba(c, 0.6) for one in figure.axes[0].collections for c in one.get_facecolors() if len(c)}
    assert {to_rgba(colour, 0.6) for colour in PALETTE[:3]} <= colours
    draw(figure)


def contours(prior, codes=None):
    figure = plots.latent_map(np.zeros((3, 2)) if codes is None else codes, prior=prior)
    return figure, figure.axes[0].collections[-1]


def test_contours_hold_half_and_nine_tenths_of_the_prior():
    prior = GaussianPrior(2, std=5)
    _, lines = contours(prior)
    outer, inner = (path.vertices for path in lines.get_paths())
    # In two dimensions a share m of a Gaussian lies within std * sqrt(-2 log(1 - m)).
    for path, mass in ((inner, 0.5), (outer, 0.9)):
        radius = 5 * np.sqrt(-2 * np.log(1 - mass))
        assert np.linalg.norm(path, axis=1) == pytest.approx(radius, rel=0.1)


@pytest.mark.parametrize("prior", [CubePrior(2, side=2), BallPrior(2)])
def test_a_uniform_prior_has_one_line_at_its_edge(prior):
    figure, lines = contours(prior)
    (path,) = lines.get_paths()
    norm = np.abs(path.vertices).max(1) if isinstance(prior, CubePrior) else np.linalg.norm(path.vertices, axis=1)
    assert norm == pytest.approx(1, abs=0.15)
    assert legend(figure) == ["rows", "edge of the prior"]


@pytest.mark.parametrize("prior", [ring_mixture(), SwissRollPrior()])
def test_contours_keep_thin_priors_apart_from_their_gaps(prior):
    _, lines = contours(prior)
    samples = prior_samples(prior, 2000, seed=1)
    path = lines.get_paths()[0].vertices
    nearest = np.linalg.norm(path[:, None] - samples[None], axis=-1).min(1)
    assert nearest.max() < 0.2


def test_a_prior_that_can_only_be_sampled_is_enough():
    class Own(nn.Module):
        dim = 2

        def forward(self, n, labels=None):
            return Independent(Normal(torch.full((n, 2), 3.0), torch.ones(n, 2)), 1)

    _, lines = contours(Own())
    assert np.concatenate([path.vertices for path in lines.get_paths()]).mean(0) == pytest.approx([3, 3], abs=0.3)


def test_view_holds_all_codes_and_little_more_than_the_prior():
    far = np.array([[40.0, 0.0], [0.0, 0.0], [1.0, 1.0]])
    figure, _ = contours(GaussianPrior(2), far)
    low, high = figure.axes[0].get_xlim()
    assert -6 < low < -2
    assert 40 < high < 45


def test_more_dimensions_are_projected_and_said_so():
    codes = RNG.normal(size=(50, 5)) * [9, 3, 1, 1, 1]
    figure = plots.latent_map(codes, prior=GaussianPrior(5))
    axes = figure.axes[0]
    assert re.fullmatch(r"principal component 1 \(\d+ % of the variance\)", axes.get_xlabel())
    assert "5 dimensions" in axes.get_title(loc="left")
    assert legend(figure) == ["rows"]
    plots.latent_map(np.ones((4, 5)))


def test_one_dimension_is_spread():
    axes = plots.latent_map(RNG.normal(size=(9, 1)), np.zeros(9, int)).axes[0]
    assert axes.get_ylabel().startswith("spread at random")


@pytest.mark.parametrize("count", [11, 30, 60])
def test_many_clusters_are_told_apart_by_colour_and_marker(count):
    figure = plots.latent_map(RNG.normal(size=(120, 2)), np.arange(120) % count)
    handles = figure.legends[0].legend_handles
    assert len({(h.get_marker(), h.get_color()) for h in handles}) == count
    assert {h.get_marker() for h in handles} == set(MARKERS[: -(-count // 10)])
    assert len(figure.axes[0].collections) == -(-count // 10)


def test_the_two_contours_are_drawn_in_different_lines():
    figure, lines = contours(GaussianPrior(2))
    outer, inner = lines.get_linestyles()
    assert (outer[1] is None, inner[1] is None) == (False, True)  # the outer one is dashed, as in the legend
    assert [handle.get_linestyle() for handle in figure.legends[0].legend_handles[1:]] == ["-", "--"]


def test_many_rows_are_thinned_and_said_so():
    figure = plots.latent_map(RNG.normal(size=(10_050, 2)))
    assert figure.axes[0].get_title(loc="left") == "Codes of 10,000 examples, drawn from 10,050"


@pytest.mark.parametrize(("codes", "labels", "message"), [
    (np.zeros((0, 2)), None, "at least one row"),
    (np.full((3, 2), np.nan), None, "the training diverged"),
    (np.zeros((3, 2)), np.zeros(2), "one label for each row"),
])
def test_map_errors(codes, labels, message):
    with pytest.raises(AAEError, match=message):
        plots.latent_map(codes, labels)


@pytest.mark.parametrize(("prior", "expected"), [
    (GaussianPrior(2, std=5), (-10, 10, 1.5)), (GaussianPrior(2), (-2, 2, 0.3)), (ring_mixture(), (-2, 2, 0.3)),
])
def test_prior_range_is_round(prior, expected):
    assert plots.prior_range(prior) == expected


def test_drawing_leaves_the_random_state_alone():
    model = FAMILIES["clustering"](shape=IMAGE)
    state = torch.get_rng_state()
    plots.prior_range(GaussianPrior(2))
    plots.styles(model)
    assert torch.equal(state, torch.get_rng_state())


def test_the_map_of_features_has_every_row_in_its_class_and_no_numbers():
    points, labels = RNG.normal(size=(40, 2)), np.repeat([0, 1, 2, -1], 10)
    figure = plots.feature_map(points, labels, STRANGE)
    (axes,) = figure.axes
    drawn = np.vstack([one.get_offsets() for one in axes.collections])
    assert np.allclose(np.sort(points, axis=0), np.sort(drawn, axis=0))
    assert legend(figure) == [*STRANGE, "no label"]
    assert axes.get_title(loc="left") == "Features of 40 examples\nin two dimensions, by t-SNE"
    assert not [*axes.get_xticks(), *axes.get_yticks()]
    draw(figure)
    assert legend(plots.feature_map(points)) == ["rows"]
    with pytest.raises(AAEError, match="one label for each row"):
        plots.feature_map(points, labels[:3])
