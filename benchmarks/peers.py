"""The baselines of the speed benchmark: the tutorial's training loop and pythae's adversarial autoencoder.

A step of either reads ``BATCH`` unlabelled rows.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

BATCH = 100
HIDDEN = 1000
TINY = 1e-15


class Images(Dataset):
    """Rows one by one, as from a loader of image files: float32 in [0, 1], with their labels."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.x[index].float().div(255), self.y[index]


class Encoder(nn.Module):
    """784-1000-1000 with dropout before each ReLU, then a softmax head and a linear head."""

    def __init__(self, dim: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(784, HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.style, self.category = nn.Linear(HIDDEN, dim), nn.Linear(HIDDEN, classes)
        self.dropout = dropout

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = F.relu(F.dropout(self.first(x), self.dropout, self.training))
        x = F.relu(F.dropout(self.second(x), self.dropout, self.training))
        return F.softmax(self.category(x), 1), self.style(x)


def _plain(sizes: tuple[int, ...], dropout: float = 0.0) -> nn.Sequential:
    """Linear layers with dropout and ReLU between them and a sigmoid at the end."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [nn.Linear(before, after), nn.Dropout(dropout), nn.ReLU()]
    return nn.Sequential(*layers[:-2], nn.Sigmoid())


class TutorialLoop:
    """The tutorial's semi-supervised training, step for step.

    Float32, batches of 100 unlabelled and 100 labelled rows collated by a `DataLoader`, three
    optimisers for the encoder (Adam with its defaults), discriminators with a sigmoid and a
    logarithm, the encoder in evaluation mode while they learn.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, labelled: np.ndarray, unlabelled: np.ndarray) -> None:
        torch.manual_seed(0)
        self.encoder = Encoder(2, 10, 0.25)
        self.decoder = _plain((12, HIDDEN, HIDDEN, 784))
        self.on_style, self.on_category = _plain((2, HIDDEN, HIDDEN, 1), 0.2), _plain((10, HIDDEN, HIDDEN, 1), 0.2)
        adam = torch.optim.Adam
        self.reconstruct = [adam(self.encoder.parameters(), 6e-4), adam(self.decoder.parameters(), 6e-4)]
        self.discriminate = [adam(self.on_style.parameters(), 8e-4), adam(self.on_category.parameters(), 8e-4)]
        self.fool, self.classify = adam(self.encoder.parameters(), 8e-4), adam(self.encoder.parameters(), 1e-3)
        self.unlabelled = _endless(Images(x[unlabelled], y[unlabelled]))
        self.labelled = _endless(Images(x[labelled], y[labelled]))
        self.networks = [self.encoder, self.decoder, self.on_style, self.on_category]

    def _clear(self) -> None:
        for network in self.networks:
            network.zero_grad()

    def step(self) -> None:
        x = next(self.unlabelled)[0].flatten(1)
        labelled_x, labels = next(self.labelled)
        self.encoder.train()
        y, z = self.encoder(x)
        loss = F.binary_cross_entropy(self.decoder(torch.cat([y, z], 1)) + TINY, x + TINY)
        self._update(loss, self.reconstruct)

        self.encoder.eval()
        real_y, real_z = F.one_hot(torch.randint(10, (len(x),)), 10).float(), torch.randn(len(x), 2)
        y, z = self.encoder(x)
        losses = [
            -(torch.log(critic(real) + TINY) + torch.log(1 - critic(fake) + TINY)).mean()
            for critic, real, fake in ((self.on_style, real_z, z), (self.on_category, real_y, y))
        ]
        self._update(torch.stack(losses).sum(), self.discriminate)

        self.encoder.train()
        y, z = self.encoder(x)
        loss = -torch.log(self.on_style(z) + TINY).mean() - torch.log(self.on_category(y) + TINY).mean()
        self._update(loss, [self.fool])

        y, _ = self.encoder(labelled_x.flatten(1))
        self._update(F.nll_loss(torch.log(y + TINY), labels), [self.classify])

    def _update(self, loss: Tensor, optimizers: list[torch.optim.Optimizer]) -> None:
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        self._clear()
        loss.item()  # the tutorial keeps the losses for its curves


def _endless(data: Dataset) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield from DataLoader(data, BATCH, shuffle=True, drop_last=True)


class PythaeLoop:
    """pythae's adversarial autoencoder, trained by pythae's own trainer, with the same networks.

    Raises:
        ImportError: pythae is not installed.
    """

    def __init__(self, x: np.ndarray, steps: int, folder: str) -> None:
        from pythae.data.datasets import BaseDataset
        from pythae.models import Adversarial_AE, Adversarial_AE_Config
        from pythae.models.base.base_utils import ModelOutput
        from pythae.models.nn import BaseDecoder, BaseDiscriminator, BaseEncoder
        from pythae.trainers import AdversarialTrainer, AdversarialTrainerConfig

        class PythaeEncoder(BaseEncoder):
            def __init__(self) -> None:
                super().__init__()
                self.body = nn.Sequential(
                    nn.Linear(784, HIDDEN), nn.Dropout(0.2), nn.ReLU(),
                    nn.Linear(HIDDEN, HIDDEN), nn.Dropout(0.2), nn.ReLU(),
                )  # fmt: skip
                self.mean, self.log_variance = nn.Linear(HIDDEN, 2), nn.Linear(HIDDEN, 2)

            def forward(self, x: Tensor) -> ModelOutput:
                h = self.body(x.flatten(1))
                return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))

        class PythaeDecoder(BaseDecoder):
            def __init__(self) -> None:
                super().__init__()
                self.body = _plain((2, HIDDEN, HIDDEN, 784))

            def forward(self, z: Tensor) -> ModelOutput:
                return ModelOutput(reconstruction=self.body(z))

        class PythaeDiscriminator(BaseDiscriminator):
            def __init__(self) -> None:
                super().__init__()
                self.body = _plain((2, HIDDEN, HIDDEN, 1), 0.2)

            def forward(self, z: Tensor) -> ModelOutput:
                return ModelOutput(embedding=self.body(z))

        torch.manual_seed(0)
        config = Adversarial_AE_Config(input_dim=(784,), latent_dim=2, reconstruction_loss="bce")
        model = Adversarial_AE(config, PythaeEncoder(), PythaeDecoder(), PythaeDiscriminator())
        rows = torch.from_numpy(x[: steps * BATCH]).flatten(1).float().div(255)
        self.trainer = AdversarialTrainer(
            model,
            BaseDataset(rows, torch.zeros(len(rows))),
            training_config=AdversarialTrainerConfig(
                output_dir=folder, per_device_train_batch_size=BATCH, num_epochs=1, no_cuda=True
            ),
        )
        self.trainer.prepare_training()

    def round(self) -> None:
        """One epoch of pythae's trainer, which has the requested number of steps."""
        self.trainer.train_step(1)
