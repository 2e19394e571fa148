"""The encoder that the options name, found, checked against the one of a model, and opened only if it has to run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from aae.data.dataset import ReadOptions
from aae.data.features.cache import FeatureCache, Vectors
from aae.data.features.encoder import Encoder
from aae.data.features.files import EncoderFiles, find_encoder
from aae.model.frozen import IMAGE, TEXT, FrozenEncoder
from aae.system.errors import AAEError, UsageError
from aae.system.progress import row_progress

__all__ = ["Features", "opened"]

Batches = Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]


class Features(NamedTuple):
    """Vectors ``(N, D)`` of images or texts, float32, the encoder they come from, and notes."""

    x: np.ndarray
    encoder: FrozenEncoder
    notes: list[str]


@dataclass(frozen=True)
class Opened:
    """An encoder that is ready to give vectors.

    Args:
        frozen: What is known of it without its network; the output is only known of the encoder of a model.
        files: Its files; None if they are not on this machine.
        request: Which output the user asks for.
        missing: What is wrong if there are no files.
    """

    frozen: FrozenEncoder | None
    files: EncoderFiles | None
    request: str | None
    missing: AAEError | None = None

    def rows(
        self, source: Sequence[str], ids: Sequence[str], names: Sequence[str],
        compute: Callable[[Encoder, np.ndarray], Batches], text: str,
    ) -> Features:  # fmt: skip
        """Vectors of rows, from the cache or from the network.

        Args:
            source: What the rows depend on besides their own content.
            ids: A name for the content of each.
            names: What each is called in messages.
            compute: Gives vectors of the rows with some numbers.
            text: What the progress bar says.

        Raises:
            AAEError: The encoder cannot be used, or gives NaN.
        """
        frozen, encoder = self.frozen, None
        if frozen is None:
            encoder = Encoder(self._there(), self.request)
            frozen = encoder.frozen
        cache = FeatureCache(frozen.sha256, frozen.output, *source)
        known = cache.load(ids)
        if known is None:
            encoder = encoder or Encoder(self._there(), frozen.output)
            network = encoder

            def run(numbers: np.ndarray) -> Batches:
                with row_progress(text, len(numbers)) as advance:
                    for block, rows, cut in compute(network, numbers):
                        _check_finite(rows, [names[k] for k in block], network)
                        yield block, rows, cut
                        advance(len(block))

            known = cache.fill(ids, run)
        return Features(known.x, frozen, _notes(known, frozen))

    def _there(self) -> EncoderFiles:
        if self.files is None:
            raise self.missing or AAEError("There is no encoder; name it with --features.")
        return self.files


def _notes(known: Vectors, frozen: FrozenEncoder) -> list[str]:
    width = known.x.shape[1]
    notes = [f"Each {frozen.kind} is read as {width:,} numbers, the output {frozen.output} of the frozen encoder "
             f"{frozen.name}."]  # fmt: skip
    if known.cut.any():
        count = int(known.cut.sum())
        are = "text is" if count == 1 else "texts are"
        notes.append(f"{count:,} of {len(known.cut):,} {are} longer than the encoder reads; only the beginning counts.")
    return notes


def _check_finite(rows: np.ndarray, names: Sequence[str], encoder: Encoder) -> None:
    bad = np.flatnonzero(~np.isfinite(rows).all(1))
    if len(bad):
        raise AAEError(f"The encoder {encoder.files.name} gives NaN or infinity for {names[bad[0]]}; remove it if "
                       "others work, or give another --features.")  # fmt: skip


def opened(reading: ReadOptions, *kinds: str) -> Opened:
    """The encoder of some options, for a kind of input.

    Args:
        reading: ``features`` and ``features_output``; ``encoder`` is the one of a model, which has to be the same.
        *kinds: What it has to read; either if not given.

    Raises:
        AAEError: It cannot be found, reads something else, or is another than that of the model.
    """
    own = reading.encoder
    if own is None:
        if reading.features is None:
            raise UsageError("Texts are read with a frozen encoder; name it with --features.")
        return Opened(None, find_encoder(reading.features, kinds or (IMAGE, TEXT)), reading.features_output)
    if kinds and own.kind not in kinds:
        raise AAEError(f"The model was trained on {own.kind}s, and these are {kinds[0]}s; give it {own.kind}s.")
    spec = reading.features or own.name
    try:
        files = find_encoder(spec, (own.kind,))
        same = files.sha256 == own.sha256
    except AAEError as error:
        reason = str(error).rstrip(".").partition("; give")[0]
        where = f"{reason}; name the encoder {own.name} that the model was trained with by --features."
        return Opened(own, None, None, AAEError(where))
    if not same:
        raise AAEError(f"{spec} is not the encoder that the model was trained with ({own.name}, SHA-256 "
                       f"{own.sha256[:12]}..., now {files.sha256[:12]}...); put that one back, or name it with "
                       "--features.")  # fmt: skip
    return Opened(own, files, None)
