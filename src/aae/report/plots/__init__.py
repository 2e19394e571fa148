"""Plots: every function takes arrays or a model and returns a `matplotlib.figure.Figure`.

Nothing here uses pyplot or changes the global settings of matplotlib, so the functions may be called
from anywhere, in any order. `save` writes a figure to a file.
"""

from aae.report.plots.charts import confusion, curves, training_time
from aae.report.plots.columns import column_distributions
from aae.report.plots.drawing import png, save
from aae.report.plots.latents import feature_map, latent_map, prior_range
from aae.report.plots.names import numbered_classes
from aae.report.plots.photos import photo_rows
from aae.report.plots.pictures import manifold, mistakes, reconstructions, samples, styles

__all__ = ["column_distributions", "confusion", "curves", "feature_map", "latent_map", "manifold", "mistakes",
           "numbered_classes", "photo_rows", "png", "prior_range", "reconstructions", "samples", "save", "styles",
           "training_time"]  # fmt: skip
