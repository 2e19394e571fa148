import numpy as np
import pytest

from aae.report import plots
from aae.system.errors import AAEError
from helpers.figures import RNG, STRANGE, draw, legend

NAN = np.nan


def history(**columns):
    return {"step": np.arange(1, 5) * 10, "epoch": np.arange(1, 5) / 2, **columns}


def test_curves_have_a_panel_for_each_group_and_skip_what_was_not_measured():
    figure = plots.curves(history(
        reconstruction_loss=[4, 3, 2, 1], validation_reconstruction_loss=[NAN, 3.5, NAN, 1.5],
        discriminator_loss_z=[1, 1, 1, 1], generator_loss_z=[2, 2, 2, 2], discriminator_loss_y=[1, 1, 1, 1],
        consistency_loss=[1, 1, 1, 1], classification_loss=[1, 1, 1, 1], kl_z=[0, 1, 2, 3],
        train_error=[NAN] * 4, validation_error=[NAN, 10, NAN, 4], learning_rate=[1, 1, 1, 1],
    ))
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes}
    assert list(panels) == ["Reconstruction", "Adversarial losses", "Classification", "Penalties", "Accuracy"]
    training, validation = panels["Reconstruction"].lines
    assert list(training.get_ydata()) == [4, 3, 2, 1]
    assert (list(validation.get_xdata()), list(validation.get_ydata())) == ([1, 2], [3.5, 1.5])
    (accuracy,) = panels["Accuracy"].lines
    assert list(accuracy.get_ydata()) == [90, 96]
    assert accuracy.get_color() == validation.get_color()
    assert legend(figure) == ["training", "validation", "discriminator z", "generator z", "discriminator y",
                              "cross-entropy", "consistency", "KL z", "validation"]
    assert figure.axes[-1].get_xlabel() == "epoch"
    draw(figure)


def test_balanced_values_are_marked_and_weights_divided_out():
    found = history(discriminator_loss_z=[1.4] * 4, generator_loss_z=[0.07] * 4)
    (axes,) = plots.curves(found, weights={"z": 0.1}).axes
    _, generator, *references = axes.lines
    assert list(generator.get_ydata()) == pytest.approx([0.7] * 4)
    assert [line.get_ydata()[0] for line in references] == pytest.approx([2 * np.log(2), np.log(2)])
    low, high = axes.get_ylim()
    assert low < np.log(2) < 2 * np.log(2) < high


def test_long_histories_are_averaged_over_the_raw_values():
    n = 1200
    values = RNG.normal(size=n)
    (axes,) = plots.curves({"step": np.arange(n), "mmd_z": values}).axes
    raw, mean = axes.lines
    assert list(raw.get_ydata()) == list(values)
    assert mean.get_ydata().std() < 0.5
    assert axes.get_xlabel() == "step"


@pytest.mark.parametrize("columns", [{}, {"step": [1], "epoch": [1]}, {"step": [1], "kl_z": [NAN]}])
def test_curves_of_nothing(columns):
    with pytest.raises(AAEError, match="no measurements yet"):
        plots.curves(columns)


def cells(figure):
    return [int(text.get_text()) for text in figure.axes[0].texts]


def test_confusion_counts_rows_and_shades_shares():
    true, predicted = np.array([0, 0, 0, 1, 1, -1]), np.array([0, 0, 1, 1, 0, 1])
    figure = plots.confusion(true, predicted, STRANGE)
    assert sorted(cells(figure)) == [1, 1, 1, 2]
    shares = figure.axes[0].images[0].get_array()
    assert np.allclose(shares, [[2 / 3, 1 / 3, 0], [0.5, 0.5, 0], [0, 0, 0]])
    assert figure.axes[0].get_title(loc="left") == "40.00 % of 5 examples misclassified"
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == STRANGE
    draw(figure)


@pytest.mark.parametrize(("count", "numbers"), [(20, True), (21, False)])
def test_confusion_of_many_classes_has_no_numbers(count, numbers):
    true = RNG.integers(0, count, 500)
    true[:count] = np.arange(count)
    found = cells(plots.confusion(true, np.roll(true, 1)))
    assert sum(found) == (500 if numbers else 0)


def test_confusion_errors():
    with pytest.raises(AAEError, match="one prediction for each label"):
        plots.confusion(np.zeros(3, int), np.zeros(2, int))
    with pytest.raises(AAEError, match="one labelled row"):
        plots.confusion(np.full(3, -1), np.zeros(3, int))


def test_training_time_for_a_row_is_compared_with_the_tutorials():
    figure = plots.training_time([("here", 720.0), ("GPU", 1.8)], [("a larger model", 900.0)])
    (axes, *_) = figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["a larger model", "here", "tutorial: CPU", "tutorial: M4000", "tutorial: P5000", "GPU"]
    # 213 minutes for 500 epochs of 47,000 rows
    assert [text.get_text() for text in axes.texts] == ["900 µs", "720 µs", "544 µs", "23 µs", "15 µs", "1.8 µs"]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([900, 720, 543.83, 22.98, 15.32, 1.8], rel=1e-3)
    colours = [bar.get_facecolor() for bar in axes.patches]
    assert colours[1] == colours[5] != colours[0]
    assert colours[2] == colours[3] == colours[4]
    assert len(set(colours)) == 3
    assert legend(figure) == ["measured here, another model", "measured here", "reported by the tutorial (2017)"]
    assert axes.get_xscale() == "log"
    assert len(plots.training_time([]).axes[0].patches) == 3
    with pytest.raises(AAEError, match="above zero"):
        plots.training_time([("here", 0)])
