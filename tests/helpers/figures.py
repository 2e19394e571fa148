"""What the tests of pictures share."""

import numpy as np
from matplotlib.figure import Figure

IMAGE = (4, 4)
STRANGE = ["_hidden", "$x$", "<b>"]  # names that matplotlib would drop or read as a formula
RNG = np.random.default_rng(0)


def draw(figure: Figure) -> None:
    """Draw in earnest: matplotlib reads formulas and sets the layout only then."""
    figure.draw_without_rendering()


def legend(figure: Figure) -> list[str]:
    found = figure.legends or [axes.get_legend() for axes in figure.axes]
    return [text.get_text() for one in found for text in one.get_texts()]
