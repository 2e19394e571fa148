"""The classifier that evaluates generated images: a convolutional network trained on all labels of MNIST.

Used by benchmarks/quality.py only. ``python benchmarks/judge.py`` trains it (five minutes on two cores) into
runs/quality/judge.safetensors and prints its accuracy on the test images, which should be at least 99.4 %.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional as F

import aae
from aae.data.augmentation import Affine
from aae.data.dataset import Dataset, as_float
from aae.evaluation import inference
from aae.model.autoencoder import Autoencoder
from aae.system.files import write_atomically

KEPT = Path("runs/quality/judge.safetensors")
EPOCHS, BATCH, RATE = 8, 128, 3e-3
FEATURES = 128
DRAWN = 10_000


class Judge(nn.Module):
    """Class logits of images ``(B, 28, 28)`` in [0, 1]; ``features`` is the input of the last layer."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [(1, 32, 1), (32, 32, 2), (32, 64, 1), (64, 64, 2)]
        stages = [
            nn.Sequential(nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
            for a, b, stride in sizes
        ]
        self.features = nn.Sequential(
            *stages, nn.Flatten(), nn.Linear(64 * 49, FEATURES, bias=False), nn.BatchNorm1d(FEATURES), nn.ReLU()
        )
        self.dropout, self.last = nn.Dropout(0.4), nn.Linear(FEATURES, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.dropout(self.features(x[:, None])))


def trained(data: Dataset, kept: Path = KEPT) -> Judge:
    """The judge; trained and saved if there is none yet."""
    judge = Judge()
    if kept.is_file():
        judge.load_state_dict(load_file(kept))
        return judge.eval()
    torch.manual_seed(0)
    x, y = torch.from_numpy(data.x), torch.from_numpy(data.y)
    change = Affine(degrees=12, scale=0.1, shift=0.08, shear=0.15)
    steps = EPOCHS * (len(x) // BATCH)
    optimizer = torch.optim.AdamW(judge.parameters(), lr=RATE, weight_decay=1e-2)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    judge.train()
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x))[: steps // EPOCHS * BATCH].split(BATCH):
            loss = F.cross_entropy(judge(change(x[rows].float() / 255)), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rates.step()
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(kept, lambda file: file.write(save(judge.state_dict())))  # another process may read it
    return judge.eval()


@torch.inference_mode()
def accuracy(judge: Judge, images: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy of the judge on images, in percent."""
    parts = [judge(torch.from_numpy(as_float(part))).argmax(1).numpy() for part in _parts(images)]
    return float(100 * np.mean(np.concatenate(parts) == labels))


def label_obedience(judge: Judge, model: Autoencoder) -> float:
    """Accuracy of the judge on 10,000 images decoded from chosen classes and styles drawn from the prior."""
    labels = np.arange(DRAWN) % 10
    torch.manual_seed(0)
    return accuracy(judge, inference.sample(model, DRAWN, labels), labels)


def frechet_distance(judge: Judge, drawn: np.ndarray, images: np.ndarray) -> float:
    r"""Fréchet distance between two sets of images in the judge's features (after Heusel et al., arXiv 1706.08500).

    :math:`|\mu_1 - \mu_2|^2 + \mathrm{tr}(\Sigma_1 + \Sigma_2 - 2 (\Sigma_1 \Sigma_2)^{1/2})`. Its scale is
    specific to these features; compare with the value of the training images.
    """
    first, second = (_features(judge, rows) for rows in (drawn, images))
    return between_gaussians((first.mean(0), np.cov(first.T)), (second.mean(0), np.cov(second.T)))


def between_gaussians(first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray]) -> float:
    """Squared Fréchet distance of two Gaussians, each a mean and a covariance matrix."""
    values = np.linalg.eigvals(first[1] @ second[1]).real.clip(0)
    between = np.trace(first[1]) + np.trace(second[1]) - 2 * np.sqrt(values).sum()
    return float(np.square(first[0] - second[0]).sum() + between)


@torch.inference_mode()
def _features(judge: Judge, images: np.ndarray) -> np.ndarray:
    found = [judge.features(torch.from_numpy(as_float(part))[:, None]).numpy() for part in _parts(images)]
    return np.concatenate(found).astype(np.float64)


def _parts(images: np.ndarray) -> list[np.ndarray]:
    return np.array_split(images, -(-len(images) // 500))


if __name__ == "__main__":
    mnist = aae.load_data("mnist")
    ready = trained(mnist)
    print(f"test accuracy {accuracy(ready, mnist.test_x, mnist.test_y):.2f} %")
    print(f"Fréchet distance of training images {frechet_distance(ready, mnist.x[:DRAWN], mnist.test_x):.3f}")
