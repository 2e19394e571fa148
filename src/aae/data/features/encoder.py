"""Runs a frozen encoder with ONNX Runtime: one vector for each image or text."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np

from aae.data.features.files import PREPROCESSOR, EncoderFiles, import_package
from aae.data.features.outputs import CLASS_TOKEN, MEAN, choose_output, pooled
from aae.data.features.preprocessing import Preprocessing, preprocessing_of
from aae.data.features.tokens import Tokens
from aae.model.frozen import IMAGE, FrozenEncoder
from aae.system.errors import AAEError, first_line

__all__ = ["Encoder"]

BATCH = 32  # rows
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
INTEGERS = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
TEXT_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
Fill = Callable[[int, np.ndarray], None]
Batches = Iterator[tuple[np.ndarray, np.ndarray]]


class Encoder:
    """An encoder whose network is opened.

    Args:
        files: Its files.
        request: Which output is read; see `aae.data.features.outputs.choose_output`.

    Raises:
        AAEError: The network cannot be run, or reads or gives something else than one vector for each row.
    """

    def __init__(self, files: EncoderFiles, request: str | None = None) -> None:
        self.files = files
        self.sha256 = files.sha256  # which also checks the files before the network is opened
        self._session = _session(files)
        self._inputs = {one.name: one for one in self._session.get_inputs()}
        first = next(iter(self._inputs.values()), None)
        self._fixed = None if first is None or not first.shape else _fixed(first.shape[0])
        (self._check_image_input if files.kind == IMAGE else self._check_text_inputs)()
        outputs = [(one.name, len(one.shape or ())) for one in self._session.get_outputs()]
        self.output = choose_output(outputs, files.kind, request, self._token_pooling(), str(files.model))

    @property
    def frozen(self) -> FrozenEncoder:
        """What a model keeps of it."""
        return FrozenEncoder(self.files.name, self.sha256, str(self.output), self.files.kind)

    def _token_pooling(self) -> str:
        if self.files.kind == IMAGE:
            return CLASS_TOKEN
        own = self.files.settings("1_Pooling/config.json")  # of sentence-transformers
        return CLASS_TOKEN if own.get("pooling_mode_cls_token") is True else MEAN

    @cached_property
    def preprocessing(self) -> Preprocessing:
        """How images become its input."""
        return preprocessing_of(self.files.settings(PREPROCESSOR), str(self.files.folder / PREPROCESSOR))

    @cached_property
    def tokens(self) -> Tokens:
        """How texts become its input."""
        return Tokens(self.files, _fixed(self._inputs["input_ids"].shape[1]))

    def _check_image_input(self) -> None:
        where, one = self.files.model, next(iter(self._inputs.values()), None)
        if one is None or len(self._inputs) > 1 or one.type not in FLOATS or len(one.shape) != 4:
            raise AAEError(f"{where} takes {self._described()}; an encoder of images takes one input, the pixels (N, "
                           "3, height, width), so give another file of it, such as vision_model.onnx.")  # fmt: skip
        sides = self.preprocessing.sides
        wanted = [3, *(sides or ())]
        if any(_fixed(own) not in (None, given) for own, given in zip(one.shape[1:], wanted, strict=True)):
            raise AAEError(f"{where} takes {self._described()}, but {self.files.folder / PREPROCESSOR} makes images "
                           f"(N, {', '.join(map(str, wanted))}); check that the two belong together.")  # fmt: skip

    def _check_text_inputs(self) -> None:
        strange = [name for name, one in self._inputs.items()
                   if name not in TEXT_INPUTS or one.type not in INTEGERS or len(one.shape) != 2]  # fmt: skip
        if strange or "input_ids" not in self._inputs:
            raise AAEError(f"{self.files.model} takes {self._described()}; an encoder of texts takes {TEXT_INPUTS[0]} "
                           f"(N, tokens) and may take {', '.join(TEXT_INPUTS[1:])}, so give another file.")  # fmt: skip

    def _described(self) -> str:
        inputs = [f"{one.name} ({', '.join(str(side or 'N') for side in one.shape)})" for one in self._inputs.values()]
        return f"the input{'s' * (len(inputs) != 1)} {', '.join(inputs) or '(none)'}"

    def encode_images(self, numbers: np.ndarray, fill: Callable[[int, Preprocessing, np.ndarray], None]) -> Batches:
        """Vectors of images, a batch at a time: the numbers of its rows, and ``(B, D)``.

        While the network reads one batch, the next is prepared; no third is in memory.

        Args:
            numbers: Numbers of the images.
            fill: Writes the pixels of one of them into an array ``(3, height, width)``.

        Raises:
            AAEError: The network fails, or gives other shapes or NaN.
        """
        name, one = next(iter(self._inputs.items()))
        size, preprocessing = self._fixed or BATCH, self.preprocessing
        height, width = preprocessing.sides  # type: ignore[misc]  # which was checked
        dtype, cores = FLOATS[one.type], _cores()
        buffers = [np.zeros((size, 3, height, width), np.float32) for _ in range(2)]
        blocks = [numbers[start : start + size] for start in range(0, len(numbers), size)]

        def prepare(k: int, pool: ThreadPoolExecutor) -> "list[Future[None]]":
            rows = buffers[k % 2]
            return [pool.submit(fill, int(number), preprocessing, row)
                    for row, number in zip(rows, blocks[k], strict=False)]  # fmt: skip

        with ThreadPoolExecutor(cores) as pool:
            waiting = prepare(0, pool) if blocks else []
            for k, block in enumerate(blocks):
                for future in waiting:
                    future.result()
                waiting = prepare(k + 1, pool) if k + 1 < len(blocks) else []
                rows = buffers[k % 2] if self._fixed else buffers[k % 2][: len(block)]
                yield block, self._run({name: rows.astype(dtype, copy=False)})[: len(block)]

    def encode_texts(self, texts: Sequence[str]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Vectors of texts, a batch of texts of about the same length at a time.

        Yields:
            Their numbers ``(B,)``, vectors ``(B, D)``, and which were longer than the encoder reads ``(B,)``.
        """
        order, size = np.argsort([len(text) for text in texts], kind="stable"), self._fixed or BATCH
        for start in range(0, len(texts), size):
            block = order[start : start + size]
            filled = [texts[k] for k in block] + [""] * ((self._fixed or len(block)) - len(block))
            inputs, cut = self.tokens.read(filled)
            given = {name: inputs[name].astype(INTEGERS[one.type], copy=False) for name, one in self._inputs.items()}
            yield block, self._run(given, inputs["attention_mask"])[: len(block)], cut[: len(block)]

    def _run(self, inputs: dict[str, np.ndarray], mask: np.ndarray | None = None) -> np.ndarray:
        where = str(self.files.model)
        try:
            [values] = self._session.run([self.output.name], inputs)
        except Exception as error:  # the library has many
            raise AAEError(f"{where} cannot be run ({_reason(error)}); check that the file and its settings belong "
                           "together.") from error  # fmt: skip
        return pooled(values, self.output, len(next(iter(inputs.values()))), where, mask)


def _fixed(side: object) -> int | None:
    """A side that the network does not leave open."""
    return side if isinstance(side, int) and side > 0 else None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _session(files: EncoderFiles) -> Any:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # it keeps an identifier at home, and warns if it cannot
    runtime = import_package("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = _cores()
    options.log_severity_level = 4  # errors are raised
    providers = [name for name in PROVIDERS if name in runtime.get_available_providers()]
    try:
        return runtime.InferenceSession(str(files.model), options, providers=providers)
    except Exception as error:  # the library has many
        reason = _reason(error)
        own = "is not a registered" in reason or "custom op" in reason.lower()
        advice = "operators of its own are not run, so export it without them" if own else "check the file"
        raise AAEError(f"{files.model} cannot be opened by ONNX Runtime ({reason}); {advice}.") from error


def _reason(error: Exception) -> str:
    """What ONNX Runtime says, without its number and the path, which is named anyway."""
    text = first_line(error)
    return text.rpartition("failed:")[2].strip(" .") or text
