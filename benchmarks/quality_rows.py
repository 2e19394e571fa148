"""The models that benchmarks/quality.py trains, and the lines of its tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """A model that is trained with several seeds, each with its own draw of labels.

    Args:
        preset: Name of the preset.
        data: ``mnist``, ``digits``, or a modified data set of `quality.py`.
        labels: Number of labels; None: that of the preset, which may be all.
        changes: Options that differ from the preset.
        length: ``{"epochs": E}`` if the length differs from the preset.
        seeds: Default number of seeds.
    """

    preset: str
    labels: int | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    data: str = "mnist"
    length: Mapping[str, float] = field(default_factory=dict)
    seeds: int = 3


ROWS = {
    "semi-100": Row("semi-supervised", 100, seeds=5),
    "few-100": Row("few-labels", 100, seeds=5),
    "few-50": Row("few-labels", 50),
    "few-20": Row("few-labels", 20),
    "few-10": Row("few-labels", 10),
    "semi-1000": Row("semi-supervised", 1000),
    "semi-all": Row("semi-supervised", 50_000),
    "clusters-16": Row("clustering", 0, {"clusters": 16}),
    "clusters-30": Row("clustering", 0, {"clusters": 30}),
    "clusters-10": Row("clustering", 0, {"clusters": 10}),
    "embedding-100": Row("embedding", 100),
    "embedding-1000": Row("embedding", 1000),
    # Batches as in the paper, one layer more than in its networks, and noise, momentum and weights of style and
    # reconstruction as in the preset semi-supervised: with those of two-dimensional maps, samples of the prior are less
    # similar to images.
    "parzen": Row("aae", 0, {
        "z": 8, "prior_std": 1.0, "hidden": [1000, 1000, 1000], "batch_size": 100, "corruption": "gaussian",
        "reconstruction": None, "beta1": 0.0, "discriminator_hidden": [256, 256],
    }, length={"epochs": 40}),
    "vae": Row("vae", 0),
    "digits-100": Row("few-labels", 100, data="digits", seeds=5),
    "digits-semi-100": Row("semi-supervised", 100, data="digits", seeds=5),
    "inverted-few-100": Row("few-labels", 100, data="inverted"),
    "inverted-semi-100": Row("semi-supervised", 100, data="inverted"),
    "rotated-few-100": Row("few-labels", 100, data="rotated"),
    "rotated-semi-100": Row("semi-supervised", 100, data="rotated"),
}

# Ablations of the presets for few labels: each row removes one part, in a shorter training.
SHORT = {"semi-supervised": {"epochs": 6}, "few-labels": {"epochs": 2}}
WITHOUT: dict[str, dict[str, dict[str, Any]]] = {
    "semi-supervised": {
        "nothing": {},
        "virtual adversarial training": {"vat_radius": 0.0},
        "consistency between rows": {"interpolation": 0.0},
        "learned changes": {"transformation": 0.0},
        "teaching by nearest rows": {"neighbour_targets": 0.0},
        "adversary of the class": {"y_weight": 0.0},
        "adversary of the style": {"z_weight": 0.0},
        "independence of style and class": {"conditional": False},
        "batch norm": {"batch_norm": False},
        "moving average": {"ema_decay": None},
        "decay of the learning rate": {"lr_schedule": "constant"},
        "small weight of the reconstruction": {"reconstruction": 1.0},
        "small momentum": {"beta1": 0.9},
    },
    "few-labels": {
        "nothing": {},
        "consistency under augmentation": {"consistency": 0.0},
        "consistency between rows": {"interpolation": 0.0},
        "teaching by nearest rows": {"neighbour_targets": 0.0},
        "adversary of the class": {"y_weight": 0.0},
        "adversary of the style": {"z_weight": 0.0},
        "independence of style and class": {"conditional": False},
        "convolution": {"network": "mlp"},
        "moving average": {"ema_decay": None},
        "decay of the learning rate": {"lr_schedule": "constant"},
        "small weight of the reconstruction": {"reconstruction": 1.0},
        "small momentum": {"beta1": 0.9},
    },
}
# Names of the parts in the tables; rows and their runs keep the names above.
LABELS = {
    "consistency between rows": "interpolation consistency",
    "learned changes": "tangent augmentation",
    "teaching by nearest rows": "neighbour targets",
    "adversary of the class": "class adversary",
    "adversary of the style": "style adversary",
    "moving average": "moving average of the weights",
    "decay of the learning rate": "learning-rate decay",
    "small weight of the reconstruction": "small reconstruction weight",
    "small momentum": "low momentum",
}
for preset, parts in WITHOUT.items():
    for name, changes in parts.items():
        ROWS[f"{preset} without {name}"] = Row(preset, 100, changes, length=SHORT[preset])

LADDER = "Ladder, Rasmus et al., arXiv 1507.02672"
BAD_GAN = "Bad GAN, Dai et al., arXiv 1705.09783"
LVAN = "LVAN-LW, arXiv 1711.07476"
IMSAT = "IMSAT, Hu et al., arXiv 1702.08720"


@dataclass(frozen=True)
class Line:
    """A line of the table.

    Args:
        title: What was measured.
        row: The row whose runs it shows.
        figure: The figure it shows.
        must: Target of the mean, or None.
        worst: Target of the worst seed, or None.
        aim: Stretch target, or None.
        paper: The figure of Makhzani et al.
        best: The best published figure found, with its source.
        more: Whether higher is better.
    """

    title: str
    row: str
    figure: str = "test_error"
    must: float | None = None
    worst: float | None = None
    aim: float | None = None
    paper: str = ""
    best: str = ""
    more: bool = False


TABLE = [
    Line("100 labels, `semi-supervised`", "semi-100", must=1.90, worst=2.6, aim=0.79, paper="1.90 ± 0.10",
         best=f"1.06 ± 0.37 ({LADDER}); 0.795 ± 0.098 ({BAD_GAN})"),
    Line("100 labels, `few-labels`", "few-100", must=0.80, worst=1.2, aim=0.50, best=f"0.795 ± 0.098 ({BAD_GAN})"),
    Line("50 labels, `few-labels`", "few-50", must=1.05, aim=0.60,
         best=f"1.06 ± 0.48 (Ladder with PBWN); 1.42 ± 0.12 ({LVAN})"),
    Line("20 labels, `few-labels`", "few-20", must=2.5, aim=1.0, best="2.52 ± 2.42"),
    Line("10 labels, one of each class, `few-labels`", "few-10", aim=3.0),
    Line("1,000 labels, `semi-supervised`", "semi-1000", must=1.10, aim=0.80, paper="1.60 ± 0.08",
         best=f"0.84 ± 0.08 ({LADDER})"),
    Line("50,000 labels, `semi-supervised`", "semi-all", must=0.95, aim=0.80, paper="0.85 ± 0.02"),
    Line("16 clusters, `clustering`", "clusters-16", "cluster_error", must=6.0, aim=2.0, paper="9.55 ± 2.05"),
    Line("30 clusters, `clustering`", "clusters-30", "cluster_error", must=4.1, aim=1.5, paper="4.10 ± 1.13"),
    Line("10 clusters, matched one to one", "clusters-10", "matched_error", must=4.0, aim=1.2,
         best=f"1.3 (ADC, SCAE); 1.6 ({IMSAT})"),
    Line("2-D embedding, 100 labels", "embedding-100", must=6.0, aim=2.0, paper="6.08"),
    Line("2-D embedding, 1,000 labels", "embedding-1000", must=4.2, aim=1.5, paper="4.20"),
    Line("Parzen log-likelihood in nats, 8-D code", "parzen", "log_likelihood", must=335, aim=345, paper="340 ± 2",
         more=True),
    Line("Importance-weighted bound on the log-likelihood in nats, `vae`", "vae", "importance_bound", more=True),
    Line("style leak, `semi-supervised`, 100 labels", "semi-100", "style_leak", must=25, aim=15),
    Line("conditional-generation accuracy, `semi-supervised`, 100 labels", "semi-100", "label_obedience", must=97,
         aim=99.5, more=True),
    Line("style leak, `few-labels`, 100 labels", "few-100", "style_leak"),
    Line("conditional-generation accuracy, `few-labels`, 100 labels", "few-100", "label_obedience", more=True),
    Line("digits (8x8), 100 labels, `few-labels`", "digits-100", must=2.5, aim=1.5,
         best="3.6 ± 1.3 (scikit-learn's LabelSpreading)"),
]  # fmt: skip

# Data that no setting was chosen on.
UNSEEN = [
    Line("digits, `semi-supervised`", "digits-semi-100"),
    Line("MNIST inverted, `few-labels`", "inverted-few-100"),
    Line("MNIST inverted, `semi-supervised`", "inverted-semi-100"),
    Line("MNIST rotated by any angle, `few-labels`", "rotated-few-100"),
    Line("MNIST rotated by any angle, `semi-supervised`", "rotated-semi-100"),
]
