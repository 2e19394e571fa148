"""IDX files, the format of MNIST: found in ``AAE_DATA_DIR``, or downloaded once with checksums."""

import gzip
import math
import os
import zlib
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from aae.system.cache import cache_folder
from aae.system.errors import AAEError, first_line
from aae.system.progress import stderr_console

__all__ = ["load_mnist", "read_idx", "read_idx_folder"]

MAX_EXPANSION, MIN_LIMIT = 200, 2**26  # data may unpack to 200 times their size, and to 64 MiB in any case
_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
_MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
# Checksums of the gzipped files on the mirrors.
_CHECKSUMS = {
    "train-images-idx3-ubyte.gz": "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}

Arrays = tuple[np.ndarray, np.ndarray]


def read_idx(path: Path) -> np.ndarray:
    """Read one IDX file of bytes, gzipped or not.

    Raises:
        AAEError: The file is missing, truncated, too long or not an IDX file of bytes.
    """
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            size = path.stat().st_size
            return _read(gzip.GzipFile(fileobj=file) if zipped else file, path, size * (MAX_EXPANSION if zipped else 1))
    except AAEError:
        raise
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise AAEError(f"{path} cannot be read ({first_line(error)}); copy the file again.") from error


def _read(stream: BufferedIOBase, path: Path, limit: int) -> np.ndarray:
    """The array in a stream that cannot hold more than ``limit`` bytes."""
    head = stream.read(4)
    if len(head) < 4 or head[:3] != b"\x00\x00\x08" or not 1 <= head[3] <= 4:
        raise AAEError(f"{path} is not an IDX file of bytes: it starts with {head.hex() or 'nothing'}.")
    sizes = stream.read(4 * head[3])
    shape = tuple(int(size) for size in np.frombuffer(sizes[: len(sizes) // 4 * 4], dtype=">u4"))
    count = math.prod(shape)
    possible = len(shape) == head[3] and count <= max(limit, MIN_LIMIT)
    data = stream.read(count + 1) if possible else b""
    if not possible or len(data) != count:
        content = f"holds {'more' if len(data) > count else len(data)}" if possible else "cannot hold them"
        raise AAEError(
            f"{path} should hold {count} bytes of data but {content}; it is truncated or damaged, copy it again."
        )
    # A copy, because torch warns about arrays that it may not write to.
    return np.frombuffer(data, dtype=np.uint8).reshape(shape).copy()


def read_idx_folder(folder: Path) -> tuple[Arrays, Arrays]:
    """Read the four files of a data set in MNIST's format: ``((images, labels), (test images, test labels))``.

    Raises:
        AAEError: A file is missing or damaged, or images and labels differ in number.
    """
    train_x, train_y, test_x, test_y = (read_idx(_find(folder, name)) for name in _FILES)
    for images, labels, name in ((train_x, train_y, _FILES[0]), (test_x, test_y, _FILES[2])):
        if images.ndim not in (3, 4) or labels.ndim != 1:
            raise AAEError(f"{folder}: {name} must hold images and its labels file one label each.")
        if len(images) != len(labels):
            raise AAEError(f"{folder}: {name} holds {len(images)} images, but its labels file {len(labels)} labels.")
    return (train_x, train_y), (test_x, test_y)


def _find(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    raise AAEError(f"{folder} has no file {name} or {name}.gz; a folder of IDX files holds {', '.join(_FILES)}.")


def is_idx_folder(folder: Path) -> bool:
    """Whether one of the four files is in the folder."""
    return any((folder / f"{name}{ending}").is_file() for name in _FILES for ending in ("", ".gz"))


def load_mnist() -> tuple[Arrays, Arrays]:
    """MNIST from ``$AAE_DATA_DIR/mnist`` if that exists, otherwise from the user's cache, downloaded once."""
    data_dir = os.environ.get("AAE_DATA_DIR")
    if data_dir and (Path(data_dir) / "mnist").is_dir():
        return read_idx_folder(Path(data_dir) / "mnist")
    folder = cache_folder() / "mnist"
    for name in _CHECKSUMS:
        _download(name, folder)
    return read_idx_folder(folder)


def _download(name: str, folder: Path) -> None:
    """Download one file from the first mirror that answers; pooch verifies it and leaves no partial file."""
    import pooch
    from requests import RequestException

    problems = []
    for mirror in _MIRRORS:
        fetcher = pooch.create(path=folder, base_url=mirror, registry=_CHECKSUMS, retry_if_failed=2)
        try:
            fetcher.fetch(name, downloader=pooch.HTTPDownloader(progressbar=_Bar(name), timeout=30))
            return
        except (RequestException, OSError, ValueError) as error:
            problems.append(f"{mirror}: {type(error).__name__}")
    raise AAEError(
        f"MNIST's {name} could not be downloaded ({'; '.join(problems)}). Check the network, or set AAE_DATA_DIR to a "
        "folder that holds mnist/ with the four IDX files."
    )


class _Bar:
    """A progress bar by rich, with the interface that pooch requires."""

    def __init__(self, name: str) -> None:
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

        columns = (TextColumn(f"Downloading {name}"), BarColumn(), DownloadColumn())
        console = stderr_console()  # results alone go to standard output
        self._progress = Progress(*columns, console=console, disable=console.is_jupyter)
        self._task = self._progress.add_task(name, total=None)

    @property
    def total(self) -> int | None:
        return None

    @total.setter
    def total(self, size: int) -> None:
        self._progress.start()
        self._progress.update(self._task, total=size)

    def update(self, size: int) -> None:
        self._progress.advance(self._task, size)

    def reset(self) -> None:
        self._progress.reset(self._task)

    def close(self) -> None:
        self._progress.stop()
