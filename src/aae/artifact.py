"""Model files: a JSON specification and safetensors weights, and nothing that could be executed."""

from collections.abc import Iterable
from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file, save

# First, for the effect: a specification may name any component, whatever else was imported before.
from aae import corruption, likelihoods, matching, merging, networks, posteriors, priors  # noqa: F401
from aae._version import __version__
from aae.component import describe, rebuild
from aae.errors import AAEError
from aae.files import read_json, write_atomically, write_json
from aae.model import Autoencoder

__all__ = ["load", "save_model"]

FORMAT = 1


def save_model(model: Autoencoder, folder: str | Path) -> Path:
    """Write ``spec.json`` and ``weights.safetensors`` into a folder.

    Args:
        model: The model; every part of it keeps its constructor arguments as attributes.
        folder: Where to write; made if it is not there.

    Raises:
        AAEError: A part cannot be described, or the folder cannot be written.
    """
    folder = Path(folder)
    spec = {"format": FORMAT, "aae": __version__, "model": describe(model)}
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    data = save(weights, metadata={"aae": __version__})
    write_atomically(folder / "weights.safetensors", lambda file: file.write(data))
    write_json(folder / "spec.json", spec)
    return folder


def load(path: str | Path, components: Iterable[type] = ()) -> Autoencoder:
    """Rebuild a model from its two files, in evaluation mode, on the CPU.

    Args:
        path: A run, or the ``model`` folder of one.
        components: Classes of your own that the specification names.

    Raises:
        AAEError: Files are missing, damaged, written by a newer version, or name unknown components.
    """
    folder = Path(path)
    if (folder / "model" / "spec.json").is_file():
        folder = folder / "model"
    if not (folder / "spec.json").is_file():
        raise AAEError(
            f"{path} holds no model: expected spec.json and weights.safetensors in it or in its model/."
        )
    spec = read_json(folder / "spec.json")
    if not isinstance(spec, dict) or not isinstance(spec.get("format"), int) or "model" not in spec:
        raise AAEError(f"{folder / 'spec.json'} is not the specification of a model.")
    if spec["format"] > FORMAT:
        raise AAEError(
            f"{folder} was written by aae {spec.get('aae')}, in a newer format ({spec['format']}) than aae "
            f"{__version__} reads ({FORMAT}); upgrade aae."
        )
    model = _rebuild_model(spec["model"], tuple(components), folder)
    try:
        model.load_state_dict(load_file(folder / "weights.safetensors"))
    except FileNotFoundError as error:
        raise AAEError(f"{folder} has no weights.safetensors; copy the whole folder.") from error
    except (safetensors.SafetensorError, RuntimeError, OSError) as error:
        raise AAEError(
            f"The weights in {folder} are damaged or belong to another model ({str(error)[:200]})."
        ) from error
    return model.eval()


def _rebuild_model(spec: object, components: Iterable[type], folder: Path) -> Autoencoder:
    try:
        with torch.random.fork_rng(devices=[]):  # initial weights are drawn and thrown away; leave the caller's stream
            model = rebuild(spec, components)
    except AAEError:
        raise
    except Exception as error:  # wrong values meet constructors of every kind
        raise AAEError(f"The specification in {folder} does not describe a model ({error}).") from error
    if not isinstance(model, Autoencoder):
        raise AAEError(f"The specification in {folder} describes no Autoencoder.")
    return model
