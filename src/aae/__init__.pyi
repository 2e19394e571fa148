from . import report
from ._version import __version__
from .data.augmentation import Affine
from .data.sources import Dataset, ReadOptions, load_data
from .data.splits import Split, split_data
from .evaluation.inference import classify, decode, encode, reconstruct
from .explorer.explore import explore
from .model.artifact import load, save_model
from .model.autoencoder import Autoencoder
from .model.corruption import GaussianNoise, Masking, SaltAndPepper
from .model.ensembles import CategoryEnsemble, EnsembleTrunk, PiecewiseLinear
from .model.latent import Latent
from .model.likelihoods import BernoulliLikelihood, GaussianLikelihood
from .model.matching import KL, MMD, Adversarial, MutualInformation
from .model.merging import Concatenate, LinearSum
from .model.networks import ConvDecoder, ConvTrunk, Discriminator, MLPDecoder, MLPTrunk
from .model.posteriors import Category, Gaussian, Noisy, Point
from .model.priors import (
    BallPrior,
    CategoricalPrior,
    CubePrior,
    GaussianPrior,
    MixturePrior,
    SwissRollPrior,
    grid_mixture,
    ring_mixture,
)
from .model.table import Table
from .objectives.terms import Consistency, InterpolationConsistency, VirtualAdversarial
from .runs.measure import evaluate
from .runs.open import open_run
from .runs.train import train_preset
from .sklearn.classifier import AAEClassifier
from .sklearn.clusterer import AAEClusterer
from .sklearn.embedder import AAEEmbedder
from .sklearn.outlier_detector import AAEOutlierDetector
from .system.errors import AAEError, UsageError
from .training.extras.baseline_targets import BaselineTargets
from .training.extras.neighbour_targets import NeighbourTargets
from .training.extras.restarts import Restarts
from .training.extras.split_clusters import SplitClusters
from .training.extras.tangent_augmentation import TangentAugmentation
from .training.settings import Settings
from .training.train import Result, train

__all__ = [
    "KL",
    "MMD",
    "AAEClassifier",
    "AAEClusterer",
    "AAEEmbedder",
    "AAEError",
    "AAEOutlierDetector",
    "Adversarial",
    "Affine",
    "Autoencoder",
    "BallPrior",
    "BaselineTargets",
    "BernoulliLikelihood",
    "CategoricalPrior",
    "Category",
    "CategoryEnsemble",
    "Concatenate",
    "Consistency",
    "ConvDecoder",
    "ConvTrunk",
    "CubePrior",
    "Dataset",
    "Discriminator",
    "EnsembleTrunk",
    "Gaussian",
    "GaussianLikelihood",
    "GaussianNoise",
    "GaussianPrior",
    "InterpolationConsistency",
    "Latent",
    "LinearSum",
    "MLPDecoder",
    "MLPTrunk",
    "Masking",
    "MixturePrior",
    "MutualInformation",
    "NeighbourTargets",
    "Noisy",
    "PiecewiseLinear",
    "Point",
    "ReadOptions",
    "Restarts",
    "Result",
    "SaltAndPepper",
    "Settings",
    "Split",
    "SplitClusters",
    "SwissRollPrior",
    "Table",
    "TangentAugmentation",
    "UsageError",
    "VirtualAdversarial",
    "__version__",
    "classify",
    "decode",
    "encode",
    "evaluate",
    "explore",
    "grid_mixture",
    "load",
    "load_data",
    "open_run",
    "reconstruct",
    "report",
    "ring_mixture",
    "save_model",
    "split_data",
    "train",
    "train_preset",
]
