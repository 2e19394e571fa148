"""Your own prior, trunk and matching rule: each is a module that is passed in.

Run it with ``.venv/bin/python examples/own_parts.py``: it trains on scikit-learn's digits for a few
seconds, draws the map over the prior, saves the model and loads it again.
"""

import argparse
import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

import aae
from aae.report import plots


class TwoMoons(nn.Module):
    """A prior has ``dim`` and a call ``(n, labels)`` that returns a distribution over ``n`` codes."""

    def __init__(self, noise: float = 0.1) -> None:
        super().__init__()
        self.noise = noise  # kept under the argument's own name, so that the model can be saved
        self.dim = 2
        self.zero: Tensor
        self.register_buffer("zero", torch.zeros(1), persistent=False)  # moves with the model

    def forward(self, n: int, labels: Tensor | None = None) -> Distribution:
        where = self.zero.device  # draws where the model is
        angle = math.pi * torch.rand(n, device=where)
        upper = torch.rand(n, device=where) < 0.5
        x = torch.where(upper, angle.cos(), 1 - angle.cos())
        y = torch.where(upper, angle.sin(), 0.5 - angle.sin())
        return Independent(Normal(torch.stack([x, y], 1), self.noise), 1)


class RowTrunk(nn.Module):
    """A trunk has ``shape`` and ``features`` and maps ``(B, *shape)`` to ``(B, features)``; this one reads rows."""

    def __init__(self, shape: tuple[int, int], features: int = 64) -> None:
        super().__init__()
        self.shape, self.features = tuple(shape), features
        self.reader = nn.GRU(shape[1], features, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.reader(x)[1][0]


class SlicedWasserstein(nn.Module):
    """A matching rule has ``penalty`` (or ``discriminator_loss`` and ``generator_loss``).

    Sorted projections of codes and of prior samples, compared along random directions (Kolouri et
    al., arXiv 1804.01947).
    """

    def __init__(self, weight: float = 1.0, directions: int = 50) -> None:
        super().__init__()
        self.weight, self.directions = weight, directions

    def penalty(self, posterior: Distribution, codes: Tensor, prior: Distribution) -> Tensor:
        directions = torch.randn(codes.shape[1], self.directions, device=codes.device)
        directions = nn.functional.normalize(directions, dim=0)
        ours, theirs = (rows @ directions for rows in (codes, prior.sample()))
        return self.weight * (ours.sort(0).values - theirs.sort(0).values).square().mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--out", type=Path, default=Path("runs/own-parts"))
    arguments = parser.parse_args()

    torch.manual_seed(0)
    data = aae.load_data("digits")
    trunk = RowTrunk(data.shape)
    z = aae.Latent("z", aae.Point(trunk.features, 2), TwoMoons(), SlicedWasserstein(weight=100.0))
    model = aae.Autoencoder([z], trunk, aae.MLPDecoder(2, data.shape, hidden=(256, 256)))
    settings = aae.Settings(steps=arguments.steps, batch_size=200, lr_schedule="cosine")
    result = aae.train(model, data, settings, labels=0)

    codes = aae.encode(result.model, data.test_x)["z"]
    arguments.out.mkdir(parents=True, exist_ok=True)
    plots.save(plots.latent_map(codes, data.test_y, data.classes, z.prior), arguments.out / "map.png")
    folder = aae.save_model(result.model, arguments.out / "model")
    again = aae.load(folder, components=[TwoMoons, RowTrunk, SlicedWasserstein])
    if not (aae.encode(again, data.test_x)["z"] == codes).all():
        raise SystemExit("The model that was loaded is not the one that was saved.")
    print(f"Map and model: {arguments.out}")


if __name__ == "__main__":
    main()
