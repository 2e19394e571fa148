"""What a frozen encoder read, to be shown to people: small pictures, or texts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from aae.model.frozen import IMAGE

__all__ = ["Originals"]


@dataclass(frozen=True)
class Originals:
    """Pictures or texts by the keys of their rows, so that they follow the rows wherever these go.

    Args:
        kind: ``"image"`` or ``"text"``.
        rows: Pictures of bytes ``(N, S, S[, 3])``, which may lie on the disk, or texts.
        places: The number of a picture or text by the key of its row.
        more: Those of rows from another source.
    """

    kind: str
    rows: np.ndarray | Sequence[str]
    places: Mapping[Any, int]
    more: "Originals | None" = None

    @property
    def are_pictures(self) -> bool:
        """Whether they are pictures."""
        return self.kind == IMAGE

    def pictures(self, keys: Iterable[Any]) -> np.ndarray:
        """Pictures in colour ``(n, S, S, 3)`` of the rows with these keys; black where there is none."""
        found = [self._found(key) for key in keys]
        side = self.rows.shape[1]  # type: ignore[union-attr]
        out = np.zeros((len(found), side, side, 3), np.uint8)
        for k, picture in enumerate(found):
            if picture is not None:
                # Those of another source may have another size.
                same = picture.shape[:2] == (side, side)
                fitted = picture if same else np.asarray(Image.fromarray(picture).resize((side, side)))
                out[k] = fitted if fitted.ndim == 3 else fitted[..., None]
        return out

    def texts(self, keys: Iterable[Any]) -> list[str]:
        """Texts of the rows with these keys; empty where there is none."""
        return [self._found(key) or "" for key in keys]

    def _found(self, key: Any) -> Any:
        place = self.places.get(key)
        if place is not None:
            return self.rows[place]
        return None if self.more is None else self.more._found(key)

    def by(self, keys: Iterable[Any]) -> "Originals":
        """The same under other keys, in the order of the rows."""
        return Originals(self.kind, self.rows, {key: k for k, key in enumerate(keys)})
