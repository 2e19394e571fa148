import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from aae.model.latent import Latent
from aae.model.posteriors import Category
from aae.model.priors import CategoricalPrior
from aae.report import plots
from aae.report.plots.drawing import to_pixels
from aae.system.errors import AAEError
from helpers.close import assert_close
from helpers.figures import IMAGE, RNG, STRANGE, draw, legend
from helpers.models import CLASSES, FAMILIES, TERMS, WIDTH, autoencoder, category, style


def two_categories():
    second = Latent("k", Category(WIDTH, 2), CategoricalPrior(2))
    return autoencoder(style(), category(), second, shape=IMAGE)


@pytest.mark.numeric
def test_manifold_is_the_tutorials_grid():
    model = FAMILIES["aae"](shape=IMAGE).eval()
    axes = plots.manifold(model).axes[0]
    picture = axes.images[0].get_array()
    assert picture.shape == (14 * 4, 14 * 4, 3)
    for axis in (axes.xaxis, axes.yaxis):
        assert [label.get_text() for label in axis.get_ticklabels()] == ["-10", "-5", "0", "5", "10"]
    # The image at z = (-10, -10) is at the bottom left, the one at (9.5, 9.5) at the top right.
    with torch.no_grad():
        first, last = model.decode({"z": torch.tensor([[-10.0, -10.0], [9.5, 9.5]])}).numpy()
    assert_close(picture[-4:, :4, 0], first, TERMS)
    assert_close(picture[:4, -4:, 0], last, TERMS)
    left, right, bottom, top = axes.images[0].get_extent()
    assert (left + 0.75, right - 0.75, bottom + 0.75, top - 0.75) == pytest.approx((-10, 9.5, -10, 9.5))


@pytest.mark.parametrize("family", ["supervised", "semi-supervised", "clustering", "embedding", "conditioned"])
def test_manifold_of_every_family_with_a_map(family):
    model = FAMILIES[family](shape=IMAGE)
    figure = plots.manifold(model, -2, 2, 0.5, label=1) if model.category is not None else plots.manifold(model)
    title = figure.axes[0].get_title(loc="left")
    assert title.endswith({"clustering": "cluster 1", "conditioned": "on a grid"}.get(family, "class 1"))


def test_manifold_fixes_the_class():
    model = FAMILIES["supervised"](shape=IMAGE, classes=STRANGE)
    zero, one = (plots.manifold(model, label=k).axes[0] for k in (0, 1))
    assert not np.allclose(zero.images[0].get_array(), one.images[0].get_array())
    assert one.get_title(loc="left").endswith("class $x$")


@pytest.mark.parametrize(("model", "arguments", "message"), [
    (lambda: FAMILIES["aae"](), {}, "vectors of 6 numbers"),
    (lambda: FAMILIES["discrete-vae"](shape=IMAGE), {}, "has none"),
    (lambda: two_categories(), {}, "class latents: 2"),
    (lambda: FAMILIES["clustering"](shape=IMAGE), {"label": CLASSES}, "no cluster 3"),
    (lambda: FAMILIES["supervised"](shape=IMAGE), {"label": -1}, "no class -1"),
    (lambda: FAMILIES["aae"](shape=IMAGE), {"step": 0}, "positive steps"),
    (lambda: FAMILIES["aae"](shape=IMAGE), {"step": 1e-6}, "at most 60 positive steps"),
    (lambda: FAMILIES["aae"](shape=IMAGE), {"low": 1, "high": 1}, "from low to high"),
])
def test_manifold_errors(model, arguments, message):
    with pytest.raises(AAEError, match=message):
        plots.manifold(model(), **arguments)


@pytest.mark.numeric
def test_styles_keep_the_style_along_a_row_and_the_class_down_a_column():
    model = FAMILIES["supervised"](shape=IMAGE, classes=STRANGE).eval()
    axes = plots.styles(model, rows=4, seed=3).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == STRANGE
    assert axes.images[0].get_array().shape == (4 * 5 - 1, 3 * 5 - 1, 3)
    torch.manual_seed(3)
    z = model.sample_codes(4)["z"]
    direction = PCA(1).fit(z.numpy()).components_[0]
    direction = direction * np.sign(direction[np.abs(direction).argmax()])
    z = z[np.argsort(z.numpy() @ direction)]
    with torch.no_grad():
        expected = model.decode({"z": z[[2]], "y": torch.eye(3)[[1]]}).numpy()[0]
    assert_close(axes.images[0].get_array()[10:14, 5:9, 0], expected, TERMS)


def test_clusters_are_numbered_even_if_the_model_knows_classes():
    model = FAMILIES["clustering"](shape=IMAGE, classes=["a", "b", "c"])
    axes = plots.styles(model).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2"]
    assert axes.get_title(loc="left") == "Each row one style, each column one cluster"


def test_a_model_without_style_has_one_row():
    assert plots.styles(FAMILIES["discrete-vae"](shape=IMAGE)).axes[0].images[0].get_array().shape[0] == 4


def test_styles_errors():
    with pytest.raises(AAEError, match="this model has 0"):
        plots.styles(FAMILIES["aae"](shape=IMAGE))
    with pytest.raises(AAEError, match="this model has 2"):
        plots.styles(two_categories())
    with pytest.raises(AAEError, match="vectors of 6"):
        plots.styles(FAMILIES["supervised"]())


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 1, 1), (5, 2, 3), (9, 3, 3), (50, 7, 8)])
def test_contact_sheet_is_nearly_square(count, rows, columns):
    images = RNG.integers(0, 256, (count, 6, 4), dtype=np.uint8)
    figure = plots.samples(images)
    picture = figure.axes[0].images[0].get_array()
    assert picture.shape == (rows * 7 - 1, columns * 5 - 1, 3)
    assert np.allclose(picture[:6, :4, 0], images[0] / 255)


def test_pixels():
    grey = np.array([[[-1.0, 0.5], [2.0, np.nan]]])
    assert np.allclose(to_pixels(grey, "It")[0, ..., 2], [[0, 0.5], [1, 0]])
    clear = np.zeros((1, 2, 2, 4), dtype=np.uint8)
    assert np.allclose(to_pixels(clear, "It"), 1)
    assert to_pixels(np.zeros((2, 3, 3, 1)), "It").shape == (2, 3, 3, 3)
    for wrong, message in ((np.zeros((2, 3)), "vectors cannot be drawn"), (np.zeros((0, 3, 3)), "at least one"),
                           (np.zeros((1, 3, 3, 2)), "1, 3 or 4 channels")):
        with pytest.raises(AAEError, match=message):
            plots.samples(wrong)


@pytest.mark.parametrize("colour", [(), (3,)])
def test_reconstructions_are_pairs_or_triplets(colour):
    images = RNG.random((12, *IMAGE, *colour))
    pairs = plots.reconstructions(images, images / 2)
    assert len(pairs.axes) == 2
    for axes in pairs.axes:
        assert [label.get_text() for label in axes.get_yticklabels()] == ["original", "reconstructed"]
        assert axes.images[0].get_array().shape == (2 * 5 - 1, 6 * 5 - 1, 3)
    (axes,) = plots.reconstructions(images[:10], images[:10], 1 - images[:10]).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["original", "corrupted", "reconstructed"]
    assert np.allclose(axes.images[0].get_array()[5:9, :4], to_pixels(1 - images, "It")[0])


def test_vectors_are_shown_as_lines():
    rows = RNG.normal(size=(5, 7))
    figure = plots.reconstructions(rows, rows + 1, rows - 1)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == 5
    for k, axes in enumerate(shown):
        assert np.allclose([line.get_ydata() for line in axes.lines], [rows[k], rows[k] - 1, rows[k] + 1])
    assert legend(figure) == ["original", "corrupted", "reconstructed"]
    assert len(plots.reconstructions(np.zeros((50, 7)), np.zeros((50, 7))).axes) == 12


def test_reconstruction_errors():
    with pytest.raises(AAEError, match=r"reconstructed \(2, 4, 4\)"):
        plots.reconstructions(np.zeros((3, 4, 4)), np.zeros((2, 4, 4)))
    with pytest.raises(AAEError, match="at least one row"):
        plots.reconstructions(np.zeros((0, 4, 4)), np.zeros((0, 4, 4)))


@pytest.mark.parametrize("shape", [IMAGE, (6,)])
def test_mistakes_are_the_surest_first(shape):
    probabilities = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0, 0.0001, 0.9999], [0.6, 0.4, 0], [1, 0, 0]])
    true = np.array([0, 0, 1, 2, -1])
    figure = plots.mistakes(RNG.random((5, *shape)), true, probabilities, STRANGE)
    captions = [axes.get_title() for axes in figure.axes]
    assert captions == ["$x$ →\n<b>  99 %", "_hidden →\n$x$  80 %", "<b> →\n_hidden  60 %"]
    assert figure.get_suptitle() == "3 of 4 examples misclassified; the 3 most confident"
    short = plots.mistakes(RNG.random((5, *shape)), true, probabilities, count=2)
    assert [axes.get_title() for axes in short.axes] == ["1 → 2  99 %", "0 → 1  80 %"]
    draw(figure)


def test_no_mistakes_and_unequal_lengths():
    figure = plots.mistakes(np.zeros((2, *IMAGE)), np.array([0, 1]), np.eye(2))
    assert figure.get_suptitle() == "0 of 2 examples misclassified"
    with pytest.raises(AAEError, match="3 rows, 2 labels and 2 predictions"):
        plots.mistakes(np.zeros((3, *IMAGE)), np.array([0, 1]), np.eye(2))
