"""Model files: a JSON specification and safetensors weights, and nothing that could be executed."""

import re
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from aae._version import __version__

# Imported to register the components, any of which a specification may name.
from aae.model import (
    corruption,  # noqa: F401
    ensembles,  # noqa: F401
    frozen,  # noqa: F401
    likelihoods,  # noqa: F401
    matching,  # noqa: F401
    merging,  # noqa: F401
    networks,  # noqa: F401
    posteriors,  # noqa: F401
    priors,  # noqa: F401
)
from aae.model.autoencoder import Autoencoder
from aae.model.component import describe, own_classes, rebuild
from aae.model.rebuilding import check_rebuilds
from aae.system import generators
from aae.system.budget import Budget
from aae.system.errors import AAEError, first_line, kind_of
from aae.system.files import CHECKSUM_KEY, checksum, read_checksummed, write_atomically, write_checksummed
from aae.system.tensors import pack_tensors, unpack_tensors

__all__ = ["load", "pack", "save_model", "unpack", "write_model"]

FORMAT = 1
MAX_COMPONENTS = 10_000
MEMORY_MARGIN = 2**26  # bytes that a model may need besides its weights
HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w.-]+(@[\w./-]+)?")


def save_model(model: Autoencoder, folder: str | Path) -> Path:
    """Write ``spec.json`` and ``weights.safetensors`` into a folder.

    Args:
        model: The model; every part of it keeps its constructor arguments as attributes.
        folder: Where to write; created if missing.

    Raises:
        AAEError: A part cannot be described, or would be another when it is loaded, or the folder cannot be written.
    """
    check_rebuilds(model)
    return write_model(model, folder)


def write_model(model: Autoencoder, folder: str | Path) -> Path:
    """`save_model` for a model that was checked before it was trained.

    Raises:
        AAEError: A part cannot be described, or the folder cannot be written.
    """
    folder = Path(folder)
    spec, weights = pack(model)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "weights.safetensors", lambda file: file.write(weights))
    write_checksummed(folder / "spec.json", spec)
    return folder


def pack(model: Autoencoder) -> tuple[dict[str, Any], bytes]:
    """A model as its specification (plain JSON data) and its weights (safetensors).

    Raises:
        AAEError: A part cannot be described.
    """
    spec = {"format": FORMAT, "aae": __version__, "model": describe(model)}
    return spec, pack_tensors(model.state_dict(), {"aae": __version__, "model": checksum(spec["model"])})


def unpack(spec: dict[str, Any], weights: bytes) -> Autoencoder:
    """The model that was packed, in evaluation mode.

    Raises:
        AAEError: Specification and weights do not describe a model.
    """
    return _load_model(spec, lambda: weights, (), "the packed model")


def load(path: str | Path, components: Iterable[type] | type = ()) -> Autoencoder:
    """Rebuild a model from its two files, in evaluation mode, on the CPU.

    Args:
        path: A run, or the ``model`` folder of one; or, as a string, the name of a model on the Hugging Face
            Hub, ``owner/name`` or ``owner/name@revision`` (needs ``huggingface_hub``).
        components: Classes of your own that the specification names, or the only one.

    Raises:
        AAEError: Files are missing, damaged, written by a newer version, or name unknown components.
    """
    classes = own_classes(components)
    if not isinstance(path, str | Path):
        raise AAEError(f"A model is loaded from a path, not from {kind_of(path)}.")
    on_hub = isinstance(path, str) and HUB_NAME.fullmatch(path) and not Path(path.partition("/")[0]).exists()
    folder = _from_hub(str(path)) if on_hub else Path(path)
    if (folder / "model" / "spec.json").is_file():
        folder = folder / "model"
    if not folder.exists():
        raise AAEError(f"There is no folder {path}; check the path.")
    if not (folder / "spec.json").is_file():
        raise AAEError(_why_no_model(folder))
    spec = read_checksummed(folder / "spec.json")
    return _load_model(spec, (folder / "weights.safetensors").read_bytes, classes, str(folder))


def _why_no_model(folder: Path) -> str:
    """Why a folder holds no model: it is a run whose training did not finish, or something else."""
    config: dict[str, Any] = {}
    with suppress(AAEError):
        config = read_checksummed(folder / "config.json")
    if (folder / "model").is_dir() or not isinstance(config.get("format"), int):
        return f"{folder} holds no model: expected spec.json and weights.safetensors in it or in its model/."
    how = "build the model as before and call aae.train(..., resume=True)"
    if "preset" in config:
        how = f"continue with `aae train {config['preset']} --out {folder} --resume`"
    return f"{folder} has no model yet, because its training did not finish; {how}."


def _from_hub(name: str) -> Path:
    """Download the files of a model, and nothing else, into the Hub's own cache."""
    try:
        import huggingface_hub
    except ImportError as error:
        raise AAEError(
            f"There is no folder {name}; if it is a model on the Hugging Face Hub, "
            "`pip install 'adversarial-autoencoder[hub]'` installs what is needed to load it."
        ) from error
    repository, _, revision = name.partition("@")
    files = ["spec.json", "weights.safetensors", "model/spec.json", "model/weights.safetensors"]
    try:
        return Path(huggingface_hub.snapshot_download(repository, revision=revision or None, allow_patterns=files))
    except (OSError, ValueError, huggingface_hub.errors.HfHubHTTPError) as error:
        reason = first_line(error)
        raise AAEError(f"There is no folder {name}, and the Hugging Face Hub has no such model ({reason}).") from error


def _load_model(spec: object, weights: Callable[[], bytes], components: Collection[type], where: str) -> Autoencoder:
    """The model that a specification describes, with its weights."""
    if not isinstance(spec, dict) or not isinstance(spec.get("format"), int) or "model" not in spec:
        raise AAEError(f"The spec.json of {where} is not the specification of a model.")
    if spec["format"] > FORMAT:
        raise AAEError(
            f"{where} was written by aae {spec.get('aae')}, in a newer format ({spec['format']}) than aae "
            f"{__version__} reads ({FORMAT}); upgrade aae."
        )
    try:
        raw = weights()
        tensors, facts = unpack_tensors(raw, f"weights.safetensors of {where}")
        model = _rebuild_model(spec["model"], components, where, len(raw))
        # A specification that was changed by hand no longer has a checksum; its weights still belong to it.
        if CHECKSUM_KEY in spec and facts.get("model", checksum(spec["model"])) != checksum(spec["model"]):
            raise AAEError(f"The weights in {where} belong to another model than its spec.json; copy the whole folder.")
        _check_weights(model, tensors, where)
        model.load_state_dict(tensors)
    except FileNotFoundError as error:
        raise AAEError(f"{where} has no weights.safetensors; copy the whole folder.") from error
    except (RuntimeError, OSError) as error:
        raise AAEError(
            f"The weights in {where} are damaged or belong to another model ({str(error)[:200]})."
        ) from error
    model.eval()
    if not components:  # a user's own classes may not accept rows of zeros
        _check_parts(model, where)
    return model


def _check_parts(model: Autoencoder, where: str) -> None:
    """Run every part once: parts combined by hand may load and still fail to run."""
    rows = torch.zeros(2, *model.input_shape)
    try:
        with torch.no_grad(), generators.forked():
            fits = model(rows, torch.full((2,), -1)).shape == rows.shape
            with suppress(AAEError):  # a model without a prior cannot sample
                model.sample(2)
    except AAEError:
        raise
    except Exception as error:  # any part may raise any error
        raise AAEError(f"The parts of the model in {where} do not fit together ({first_line(error)}).") from error
    if not fits:
        raise AAEError(f"The parts of the model in {where} do not fit together: outputs have another shape.")


def _check_weights(model: Autoencoder, tensors: dict[str, torch.Tensor], where: str) -> None:
    for name, own in model.state_dict().items():
        given = tensors.get(name, own)  # torch reports what is missing
        if given.dtype != own.dtype:
            reason = f"{name} is {given.dtype}, not {own.dtype}"
            raise AAEError(f"The weights in {where} belong to another model ({reason}).")
        if not given.isfinite().all():
            raise AAEError(f"The weights in {where} hold NaN or infinity in {name}; the model cannot be used.")


def _count_components(spec: object) -> int:
    """Number of components in a specification."""
    if isinstance(spec, dict):
        return ("type" in spec) + sum(map(_count_components, spec.values()))
    return sum(map(_count_components, spec)) if isinstance(spec, list) else 0


def _rebuild_model(spec: object, components: Iterable[type], where: str, size: int) -> Autoencoder:
    """The model with initial weights; it may not take much more memory than the ``size`` bytes of its weights."""
    try:
        if _count_components(spec) > MAX_COMPONENTS:
            raise AAEError(f"The specification in {where} has more than {MAX_COMPONENTS} parts.")
        # Initial weights are drawn and replaced; the caller's random state must not change.
        with generators.forked(), Budget(2 * size + MEMORY_MARGIN):
            model = rebuild(spec, components)
    except AAEError as error:
        raise AAEError(f"The specification in {where} does not describe a model that can be built: {error}") from error
    except Exception as error:  # wrong values can make a constructor raise any error
        raise AAEError(f"The specification in {where} does not describe a model ({first_line(error)}).") from error
    if not isinstance(model, Autoencoder):
        raise AAEError(f"The specification in {where} does not describe an Autoencoder.")
    return model
