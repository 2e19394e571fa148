"""What an encoder of texts reads: the numbers of tokens, as its ``tokenizer.json`` makes them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from aae.data.features.files import TOKENIZER, EncoderFiles, import_package
from aae.system.errors import AAEError, first_line

__all__ = ["Tokens"]

USUAL = 512  # tokens of a text, where no file says more
UNLIMITED = 100_000  # what a configuration without a limit writes is larger


class Tokens:
    """The tokenizer of an encoder.

    Args:
        files: The files of the encoder.
        length: Number of tokens that the network takes; None: any, up to the limit of the files.

    Raises:
        AAEError: The tokenizer cannot be read.
    """

    def __init__(self, files: EncoderFiles, length: int | None) -> None:
        path = files.folder / TOKENIZER
        library = import_package("tokenizers")
        try:
            self._tokenizer = library.Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing narrower
            reason = first_line(error)
            raise AAEError(f"{path} is no tokenizer that can be read ({reason}); download the file again.") from error
        config = files.settings("tokenizer_config.json")
        limits = [length, (self._tokenizer.truncation or {}).get("max_length"), config.get("model_max_length"),
                  files.settings("config.json").get("max_position_embeddings")]  # fmt: skip
        known = [int(one) for one in limits if isinstance(one, int | float) and 0 < one < UNLIMITED]
        self.longest = min(known, default=USUAL)
        self._tokenizer.enable_truncation(self.longest)
        self._pad(config, length)

    def _pad(self, config: dict[str, Any], length: int | None) -> None:
        """Fill up to the longest text of a batch: what the files say of the length is for other programs."""
        own = self._tokenizer.padding or {}
        token = config.get("pad_token")
        token = token.get("content") if isinstance(token, dict) else token
        token = own.get("pad_token") or (token if isinstance(token, str) else "[PAD]")
        number = own.get("pad_id", self._tokenizer.token_to_id(token))
        self._tokenizer.enable_padding(length=length, pad_token=token, pad_id=number or 0,
                                       pad_type_id=own.get("pad_type_id", 0),
                                       direction=own.get("direction", "right").lower())  # fmt: skip

    def read(self, texts: Sequence[str]) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Inputs ``(B, T)`` by their names, and which texts were longer than the limit ``(B,)``."""
        found = self._tokenizer.encode_batch(list(texts))
        numbers = np.array([one.ids for one in found], dtype=np.int64)
        inputs = {
            "input_ids": numbers,
            "attention_mask": np.array([one.attention_mask for one in found], dtype=np.int64),
            "token_type_ids": np.array([one.type_ids for one in found], dtype=np.int64),
            "position_ids": np.broadcast_to(np.arange(numbers.shape[1]), numbers.shape),
        }
        return inputs, np.array([bool(one.overflowing) for one in found])
