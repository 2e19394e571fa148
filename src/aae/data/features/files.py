"""The files of a frozen encoder: where they lie, what they say, and their digest."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from aae.model.artifact import HUB_NAME
from aae.model.frozen import IMAGE, TEXT
from aae.system.errors import AAEError, first_line

__all__ = ["PREPROCESSOR", "TOKENIZER", "EncoderFiles", "encoder_place", "find_encoder", "import_package", "kinds_of"]

PREPROCESSOR, TOKENIZER = "preprocessor_config.json", "tokenizer.json"
# Beside these, what a tokenizer leaves open: its longest text, the token that fills up, how tokens are pooled.
SETTINGS = {IMAGE: (PREPROCESSOR,), TEXT: (TOKENIZER, "tokenizer_config.json", "config.json", "1_Pooling/config.json")}
# CLIP and SigLIP have a file for images, one for texts, and one that needs both.
MODELS = {IMAGE: ("vision_model.onnx", "model.onnx"), TEXT: ("text_model.onnx", "model.onnx")}
FOLDERS = ("", "onnx/")
BLOCK = 2**20  # bytes
INSTALL = "pip install 'adversarial-autoencoder[features]'"


def import_package(name: str) -> Any:
    """A package of the extra ``features``.

    Raises:
        AAEError: It is not installed.
    """
    try:
        return __import__(name)
    except ImportError as error:
        raise AAEError(f"Features of a frozen encoder need {name}; `{INSTALL}` installs it.") from error


@dataclass(frozen=True)
class EncoderFiles:
    """An encoder on this machine.

    Args:
        name: What it is called: its file or folder, or its name on the Hub.
        place: Where it can be found again: an absolute path, or its name on the Hub.
        model: The ONNX file.
        folder: The folder with the settings.
        kind: ``"image"`` or ``"text"``.
    """

    name: str
    place: str
    model: Path
    folder: Path
    kind: str

    def settings(self, name: str) -> dict[str, Any]:
        """A JSON file beside the model; empty if it is not there.

        Raises:
            AAEError: It cannot be read, or is no JSON object.
        """
        path = self.folder / name
        if not path.is_file():
            return {}
        try:
            found = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise AAEError(f"{path} cannot be read ({first_line(error)}); download the file again.") from error
        if not isinstance(found, dict):
            raise AAEError(f"{path} holds no JSON object; download the file again.")
        return found

    @cached_property
    def sha256(self) -> str:
        """Digest of the model, its external data, and its settings.

        Raises:
            AAEError: A file is damaged, missing or outside the folder of the model.
        """
        digest = hashlib.sha256()
        files = [self.model, *external_files(self.model)]
        for path in [*files, *(self.folder / name for name in SETTINGS[self.kind])]:
            if path not in files and not path.is_file():
                continue
            digest.update(f"{path.name} {path.stat().st_size} ".encode())
            try:
                with path.open("rb") as file:
                    while block := file.read(BLOCK):
                        digest.update(block)
            except OSError as error:
                raise AAEError(f"{path} cannot be read ({error.strerror}); check the file.") from error
        return digest.hexdigest()


def external_files(model: Path) -> list[Path]:
    """The files with weights that an ONNX file names, all of them in its folder.

    Raises:
        AAEError: It is no ONNX file, or names a file elsewhere, or one that is missing.
    """
    onnx = import_package("onnx")
    try:
        proto = onnx.load_model(str(model), load_external_data=False)
    except Exception as error:  # the parser of protobuf has errors of its own
        raise AAEError(f"{model} is no ONNX model that can be read ({first_line(error)}); check the file.") from error
    if not proto.graph.node and not proto.graph.output:
        raise AAEError(f"{model} is no ONNX model: it holds no graph; check the file.")
    # A download of the Hub holds links; what these lead to lies beside what the link of the model leads to.
    inside = {model.parent.resolve(), model.resolve().parent}
    found = []
    for location in sorted(set(_locations(proto))):
        parts = {*PurePosixPath(location).parts, *PureWindowsPath(location).parts}
        absolute = PurePosixPath(location).is_absolute() or PureWindowsPath(location).anchor != ""
        path = model.parent / location
        real = path.resolve()
        if absolute or ".." in parts or not any(real.is_relative_to(folder) for folder in inside):
            raise AAEError(f"{model} names weights outside its folder ({location!r:.80}); they are not read, so get "
                           "the encoder from a source that you trust.")  # fmt: skip
        if not path.is_file():
            raise AAEError(f"{model} needs the file {location!r:.80} beside it; copy the whole folder of the encoder.")
        found.append(path)
    return found


def _locations(message: Any) -> Iterator[str]:
    """The places of external data, wherever tensors may lie in a model: in graphs, attributes and functions."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        repeated = field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED
        for one in value if repeated else [value]:
            if field.name == "external_data":
                if one.key == "location":
                    yield one.value
            else:
                yield from _locations(one)


def encoder_place(spec: str) -> str:
    """Where an encoder can be found again from any folder: an absolute path, or a name on the Hub as it is."""
    return spec if _on_hub(spec) else str(Path(spec).resolve())


def _on_hub(spec: str) -> bool:
    return HUB_NAME.fullmatch(spec) is not None and not Path(spec).exists() and not spec.endswith(".onnx")


def kinds_of(spec: str) -> list[str]:
    """What an encoder can read, images, texts or both.

    Raises:
        AAEError: There is no such encoder.
    """
    return _kinds_in(_folder_of(spec, (IMAGE, TEXT)))


def find_encoder(spec: str, kinds: Sequence[str] = (IMAGE, TEXT)) -> EncoderFiles:
    """The files of an encoder.

    Args:
        spec: An ONNX file, a folder with ``model.onnx`` or ``onnx/model.onnx``, or a name on the Hugging Face Hub.
        kinds: What it may read, first what is preferred.

    Raises:
        AAEError: There is none, or it reads something else.
    """
    folder = _folder_of(spec, kinds)
    if _on_hub(spec):
        return _in_folder(folder, spec, spec, kinds, folder)
    path = Path(spec).resolve()
    return _in_folder(folder, path.name, str(path), kinds, path)


def _folder_of(spec: str, kinds: Sequence[str]) -> Path:
    """The folder with the settings of an encoder, which lie beside its ONNX file or above the folder ``onnx``."""
    if _on_hub(spec):
        return _from_hub(spec, kinds)
    path = Path(spec).resolve()
    if not path.exists():
        raise AAEError(f"No encoder at {spec}; give an ONNX file, a folder with model.onnx, or a name on the Hugging "
                       "Face Hub such as onnx-community/dinov2-small.")  # fmt: skip
    base = path if path.is_dir() else path.parent
    return base.parent if base.name == "onnx" and not _kinds_in(base) else base


def _kinds_in(folder: Path) -> list[str]:
    return [kind for kind, names in SETTINGS.items() if (folder / names[0]).is_file()]


def _in_folder(folder: Path, name: str, place: str, kinds: Sequence[str], given: Path) -> EncoderFiles:
    present = _kinds_in(folder)
    if not present:
        raise AAEError(f"{folder} has neither {PREPROCESSOR} (for images) nor {TOKENIZER} (for texts), which say what "
                       "the encoder reads; copy the file that belongs to it.")  # fmt: skip
    kind = next((kind for kind in kinds if kind in present), None)
    if kind is None:
        needed = SETTINGS[kinds[0]][0]
        raise AAEError(f"{name} is an encoder of {present[0]}s, without the {needed} that {kinds[0]}s need; give "
                       "another --features.")  # fmt: skip
    if given.is_file():
        return EncoderFiles(name, place, given, folder, kind)
    model = next((path for path in _candidates(folder, kind) if path.is_file()), None)
    if model is None:
        raise AAEError(f"{folder} holds no encoder; expected model.onnx or onnx/model.onnx in it.")
    return EncoderFiles(name, place, model, folder, kind)


def _candidates(folder: Path, kind: str) -> list[Path]:
    return [folder / place / name for name in MODELS[kind] for place in FOLDERS]


def _from_hub(name: str, kinds: Sequence[str]) -> Path:
    """Download the files of an encoder, and nothing else, into the Hub's own cache."""
    try:
        import huggingface_hub
    except ImportError as error:
        raise AAEError(f"There is no encoder at {name}; if it is one on the Hugging Face Hub, `pip install "
                       "'adversarial-autoencoder[hub]'` installs what downloads it.") from error  # fmt: skip
    repository, _, revision = name.partition("@")

    def download(files: Sequence[str]) -> Path:
        got = huggingface_hub.snapshot_download(repository, revision=revision or None, allow_patterns=list(files))
        return Path(got)

    try:
        folder = download([name for names in SETTINGS.values() for name in names])
        kind = next((kind for kind in kinds if kind in _kinds_in(folder)), kinds[0])
        for model in MODELS[kind]:
            folder = download([place + model + end for place in FOLDERS for end in ("", "_data*", ".data")])
            if any(path.is_file() for path in _candidates(folder, kind)):
                break
    except Exception as error:  # without a network, each version of the library has another
        what = "preprocessor_config.json or tokenizer.json"
        raise AAEError(f"{name} cannot be downloaded from the Hugging Face Hub ({first_line(error)}); without a "
                       f"network, give a folder that holds its onnx/model.onnx and {what}.") from error  # fmt: skip
    return folder
