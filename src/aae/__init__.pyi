from ._version import __version__
from .artifact import load, save_model
from .beginnings import Beginnings
from .corruption import GaussianNoise, Masking, SaltAndPepper
from .data.augmentation import Affine
from .data.sources import Dataset, Reading, load_data
from .data.splits import Split, split_data
from .dividing import Dividing
from .errors import AAEError, UsageError
from .estimator import AAEClassifier, AAEClusterer, AAEEmbedder, AAEOutlierDetector
from .fewlabels import Consistency, Interpolation, VirtualAdversarial
from .inference import classify, decode, encode, reconstruct
from .latent import Latent
from .likelihoods import BernoulliLikelihood, GaussianLikelihood
from .matching import KL, MMD, Adversarial, MutualInformation
from .merging import Concatenate, LinearSum
from .model import Autoencoder
from .neighbours import Neighbours
from .networks import ConvDecoder, ConvTrunk, Discriminator, MLPDecoder, MLPTrunk
from .posteriors import Category, Gaussian, Noisy, Point
from .priors import (
    BallPrior,
    CategoricalPrior,
    CubePrior,
    GaussianPrior,
    MixturePrior,
    SwissRollPrior,
    grid_mixture,
    ring_mixture,
)
from .runs import open_run, train_preset
from .settings import Settings
from .table import Table
from .training import Result, train
from .transformation import LearnedTransformation

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
    "Beginnings",
    "BernoulliLikelihood",
    "CategoricalPrior",
    "Category",
    "Concatenate",
    "Consistency",
    "ConvDecoder",
    "ConvTrunk",
    "CubePrior",
    "Dataset",
    "Discriminator",
    "Dividing",
    "Gaussian",
    "GaussianLikelihood",
    "GaussianNoise",
    "GaussianPrior",
    "Interpolation",
    "Latent",
    "LearnedTransformation",
    "LinearSum",
    "MLPDecoder",
    "MLPTrunk",
    "Masking",
    "MixturePrior",
    "MutualInformation",
    "Neighbours",
    "Noisy",
    "Point",
    "Reading",
    "Result",
    "SaltAndPepper",
    "Settings",
    "Split",
    "SwissRollPrior",
    "Table",
    "UsageError",
    "VirtualAdversarial",
    "__version__",
    "classify",
    "decode",
    "encode",
    "grid_mixture",
    "load",
    "load_data",
    "open_run",
    "reconstruct",
    "ring_mixture",
    "save_model",
    "split_data",
    "train",
    "train_preset",
]
