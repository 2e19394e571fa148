"""Examples for the help of every command, and the words that a shell completes."""

from collections.abc import Callable

from aae.presets.options import Options
from aae.presets.presets import PRESETS

__all__ = ["EXAMPLES", "PICTURE_NAMES", "complete_options", "complete_pictures", "complete_presets", "epilog"]

PICTURE_NAMES = (
    "features", "latent", "manifold", "styles", "samples", "columns", "reconstructions", "typical",
    "neighbours", "curves", "confusion", "mistakes", "time",
)  # fmt: skip

EXAMPLES: dict[str, tuple[str, ...]] = {
    "presets": ("aae presets", "aae presets few-labels", "aae presets semi-supervised --recipe tutorial"),
    "data": ("aae data photos", "aae data patients.csv --label-column diagnosis",
             "aae data reviews.csv --text-column review --features encoder"),
    "train": (
        "aae train few-labels --data photos",
        "aae train few-labels --data patients.csv --label-column diagnosis",
        "aae train few-labels --data photos --features onnx-community/dinov2-small",
        "aae train aae --data mnist --set prior=ring --labels 10000 --max-seconds 120",
        "aae train vae --dry-run",
        "aae train few-labels --data photos --write-config photos.toml",
        "aae train --config photos.toml --out runs/photos",
        "aae train few-labels --out runs/photos --resume",
        "aae train few-labels --data photos --labels-file labels.csv --from runs/first",
    ),
    "suggest": (
        "aae suggest photos --n 20 --out next.csv",
        "aae suggest runs/first --n 20 --labels-file labels.csv --out more.csv",
    ),
    "tune": ("aae tune few-labels --data patients.csv --label-column diagnosis --trials 30",),
    "evaluate": ("aae evaluate RUN", "aae evaluate RUN --data new.csv --json",
                 "aae evaluate RUN --data new.csv --label-column diagnosis",
                 "aae evaluate RUN --components my_parts:TwoMoons"),
    "report": ("aae report RUN",),
    "explore": ("aae explore RUN --out explorer.html", "aae explore RUN --data photos --rows 20000 --out photos.html"),
    "predict": (
        "aae predict RUN photo.jpg",
        "aae predict RUN photos --out predictions.csv",
        "aae predict RUN customers.csv --id customer --out predictions.csv",
    ),
    "encode": ("aae encode RUN photos --out codes.npz", "aae encode RUN new.csv --out codes.parquet"),
    "reconstruct": ("aae reconstruct RUN noisy.npz --out clean.npz", "aae reconstruct RUN photos --out pairs.png"),
    "sample": ("aae sample RUN --n 64 --out samples.png", "aae sample RUN --n 100 --label benign --out drawn.csv"),
    "plot": ("aae plot RUN latent --out map.png", "aae plot RUN confusion --out confusion.svg"),
    "export": ("aae export RUN --out onnx",),
    "bench": ("aae bench", "aae bench few-labels --data digits --out bench.png"),
    "runs": ("aae runs", "aae runs experiments"),
    "info": ("aae info RUN",),
}  # fmt: skip


def epilog(command: str) -> str:
    """The examples of a command as the end of its help, where a backspace keeps lines from being joined."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in EXAMPLES[command])


def _completing(names: Callable[[], list[str]]) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        return [name for name in names() if name.startswith(incomplete)]

    return complete


complete_presets = _completing(lambda: list(PRESETS))
complete_pictures = _completing(lambda: list(PICTURE_NAMES))
complete_options = _completing(lambda: [f"{name}=" for name in (*Options.__dataclass_fields__, "recipe")])
