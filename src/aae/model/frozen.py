"""Which frozen encoder turned images or texts into the vectors that a model reads."""

from dataclasses import dataclass

from aae.model.component import component
from aae.system.errors import AAEError

__all__ = ["IMAGE", "TEXT", "FrozenEncoder"]

IMAGE, TEXT = "image", "text"


@component
@dataclass(frozen=True)
class FrozenEncoder:
    """A pretrained encoder in front of a model, which is not part of it and is never trained.

    Args:
        name: The name of its file or folder, or ``owner/name`` on the Hugging Face Hub.
        sha256: Digest of its files: another encoder gives other vectors.
        output: Which of its outputs is read, with how it is pooled after a colon: ``"pooler_output"``,
            ``"last_hidden_state:class_token"``, ``"last_hidden_state:mean"``.
        kind: What it reads, ``"image"`` or ``"text"``.

    Raises:
        AAEError: It reads something else.
    """

    name: str
    sha256: str
    output: str
    kind: str = IMAGE

    def __post_init__(self) -> None:
        if self.kind not in (IMAGE, TEXT):
            raise AAEError(f"A frozen encoder reads images or texts, not {self.kind!r:.40}.")
