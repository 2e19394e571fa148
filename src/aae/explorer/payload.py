"""What the page is told of a run: one JSON object, described in docs/explorer.md."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aae._version import __version__
from aae.data.dataset import Dataset
from aae.data.labels import MARKS
from aae.data.originals import Originals
from aae.evaluation import inference, metrics
from aae.explorer import lists
from aae.explorer.arrays import pack
from aae.explorer.columns import table_columns
from aae.explorer.decoder import decoder_entries
from aae.explorer.latents import ordered_latents
from aae.explorer.page import safe_json
from aae.explorer.projection import describe_map
from aae.explorer.rows import Shown, choose_rows, fingerprint
from aae.explorer.thumbnails import sprite_sheets
from aae.model.autoencoder import Autoencoder
from aae.model.table import Table
from aae.runs.open import Run
from aae.system.errors import AAEError

__all__ = ["FORMAT", "empty_payload", "given_entry", "row_entries", "run_payload"]

FORMAT = 1
CODE_BYTES = 1_500_000  # of codes in a page
PROBABILITY_BYTES = 1_500_000
TRIED = 256  # rows whose codes try the precision of the decoder's weights
MAX_GIVEN = 50_000  # labels of a labels file
WIDEST = 64  # values of a vector that are shown
TEXT_BYTES, LEAST_LETTERS = 3_000_000, 200  # of all texts in a page; letters of each that are shown in any case
Say = Callable[[str], object]


def run_payload(run: Run, count: int, say: Say = lambda _: None) -> dict[str, Any]:
    """The payload of a run.

    Args:
        run: The run.
        count: How many rows to show.
        say: Is told what is being done.

    Raises:
        AAEError: The run has no rows, or its model gives NaN for all of them.
    """
    config, model = run.config, run.model
    shown = choose_rows(run.data, run.split, count)
    say(f"Encoding {len(shown):,} rows")
    features, codes, shown, notes = _encoded(model, shown)
    preset = config.get("preset")
    payload = empty_payload(f"{preset or 'Model'} on {Path(str(run.data.name)).name}", fingerprint(run.data))
    payload |= {"run": run.directory.path.resolve().name, "preset": preset,
                "recipe": config.get("changes", {}).get("recipe")}  # fmt: skip
    entries, more = row_entries(shown, model.table)
    payload |= entries | _classes_of(run, shown) | {"given": given_entry(run.data, notes)}
    notes += [*more, *payload.pop("class_notes")]
    found = describe_map(model, features, {} if model.trunk is None else codes, say)
    payload["map"] = found | {"points": pack(found["points"], "f32")}
    say(f"Comparing {len(shown):,} rows")
    near = lists.nearest_rows(features)
    payload["neighbours"] = None if near is None else pack(near, "u16")
    payload["lists"] |= {"unusual": lists.unusual(model, shown)}
    say("Adding the decoder")
    payload |= _decoding(model, codes, payload["classes"], notes)
    return payload | {"notes": [*run.notes, *notes]}


def empty_payload(title: str, storage: str) -> dict[str, Any]:
    """A payload without rows and without a model."""
    return {
        "format": FORMAT, "generator": f"aae {__version__}", "title": title, "storage": storage, "mode": "explore",
        "marks": sorted(MARKS), "given": None, "run": None, "preset": None, "recipe": None, "map": None,
        "classes": [], "prediction": None, "probabilities": None, "cluster": None, "neighbours": None,
        "codes": None, "decoder": None, "reasons": None, "proposed": None,
        "lists": {"mistakes": [], "uncertain": [], "unusual": []}, "notes": [],
    }  # fmt: skip


def given_entry(data: Dataset, notes: list[str]) -> dict[str, Any] | None:
    """The labels of a labels file, which the page saves with those that are given in it."""
    if data.given is None or not data.given.labels:
        return None
    labels = [[int(key) if isinstance(key, np.integer) else key, name] for key, name in data.given.labels.items()]
    if len(labels) > MAX_GIVEN:
        notes.append(f"{data.given.file} has {len(labels):,} labels, too many for the page: its labels.csv will hold "
                     "only those that are given here.")  # fmt: skip
        return None
    digest = hashlib.sha256(safe_json(labels).encode()).hexdigest()
    return {"file": data.given.file, "labels": labels, "id": digest[:16]}


def row_entries(shown: Shown, table: Table | None) -> tuple[dict[str, Any], list[str]]:
    """What the rows are: names, parts, labels, and their cells or images; and notes."""
    entries: dict[str, Any] = {
        "key": shown.key, "keys": shown.keys, "part": pack(shown.part, "u8"), "label": pack(shown.y, "i16"),
        "shape": list(shown.x.shape[1:]), "columns": [], "thumbnails": None,
    }  # fmt: skip
    if shown.originals is not None:
        return _original_entries(shown, shown.originals, entries)
    if shown.x.ndim > 2:
        is_bytes = shown.x.dtype == np.uint8
        sheets, notes = sprite_sheets(shown.x if is_bytes else (255 * shown.x.clip(0, 1) + 0.5).astype(np.uint8))
        return entries | {"data": "images", "thumbnails": sheets}, notes
    if table is not None and table.has_units:
        columns, notes = table_columns(table, shown.x)
        return entries | {"data": "table", "columns": columns}, notes
    columns = [{"name": f"column {k}", "kind": "number", "values": pack(shown.x[:, k], "f32"), "levels": None,
                "unit": None, "texts": None} for k in range(min(WIDEST, shown.x.shape[1]))]  # fmt: skip
    more = shown.x.shape[1] - WIDEST
    notes = [f"The first {WIDEST} of {shown.x.shape[1]:,} columns are shown."] if more > 0 else []
    return entries | {"data": "vectors", "columns": columns}, notes


def _original_entries(
    shown: Shown, originals: Originals, entries: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The pictures or texts that a frozen encoder read, in place of its vectors."""
    if originals.are_pictures:
        sheets, notes = sprite_sheets(originals.pictures(shown.keys))
        return entries | {"data": "images", "thumbnails": sheets}, notes
    texts = originals.texts(shown.keys)
    most = max(LEAST_LETTERS, TEXT_BYTES // max(1, len(texts)))
    long = sum(len(text) > most for text in texts)
    column = {"name": "text", "kind": "number", "unit": "letters", "levels": None,
              "values": pack(np.array([len(text) for text in texts]), "f32"),
              "texts": [text if len(text) <= most else text[:most] + "…" for text in texts]}  # fmt: skip
    notes = [f"Of {long:,} texts only the first {most:,} letters are shown."] if long else []
    return entries | {"data": "table", "columns": [column]}, notes


def _encoded(model: Autoencoder, shown: Shown) -> tuple[np.ndarray, dict[str, np.ndarray], Shown, list[str]]:
    """Features and codes of all latents, of the rows for which they are finite, these rows, and a note on others."""
    def call(x: torch.Tensor, y: torch.Tensor | None) -> dict[str, torch.Tensor]:
        codes = {} if model.trunk is None else model.encode(x)
        features = x if model.trunk is None else model.features(x)
        return {"": features.flatten(1), **model.complete(codes, y)}

    with inference.seeded(model, 0):  # for the labels of rows without one
        parts = list(inference.map_chunks(model, shown.x, call, shown.y))
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    finite = np.logical_and.reduce([np.isfinite(values).all(1) for values in found.values()])
    if not finite.any():
        raise AAEError("The model gives NaN or infinity for every row: its training diverged; train again, with a "
                       "smaller learning rate.")  # fmt: skip
    bad = int((~finite).sum())
    if bad:
        shown, found = shown.kept(finite), {name: values[finite] for name, values in found.items()}
    rows = "1 row is" if bad == 1 else f"{bad:,} rows are"
    notes = [f"{rows} left out, because the model gives NaN or infinity for them."] if bad else []
    return found.pop(""), found, shown, notes


def _classes_of(run: Run, shown: Shown) -> dict[str, Any]:
    """Names of the classes, and what the model predicts: classes, or clusters."""
    model, category = run.model, run.model.category
    classes = [str(name) for name in run.data.classes or model.classes or []]
    entries: dict[str, Any] = {"classes": classes, "class_notes": []}
    if category is None or category.posterior is None:
        return entries
    p = inference.classify(model, shown.x)
    if not metrics.can_classify(model):
        return entries | {"cluster": {"count": p.shape[1], "values": pack(p.argmax(1), "i16")},
                          "confidence": pack(p.max(1), "f16"),
                          "lists": {"mistakes": [], "uncertain": lists.uncertain(p)}}  # fmt: skip
    if p.size * 8 / 3 <= PROBABILITY_BYTES:
        entries["probabilities"] = pack(p, "f16")
    else:
        entries["class_notes"] = [f"Probabilities of {p.shape[1]:,} classes would make the page too large."]
    return entries | {"prediction": pack(p.argmax(1), "i16"), "confidence": pack(p.max(1), "f16"),
                      "lists": {"mistakes": lists.mistakes(shown.y, p), "uncertain": lists.uncertain(p)}}  # fmt: skip


def _decoding(
    model: Autoencoder, codes: Mapping[str, np.ndarray], classes: Sequence[str], notes: list[str]
) -> dict[str, Any]:
    """The decoder, and the codes of the rows that it takes."""
    if model.frozen_encoder is not None:
        return {"decoder": {"error": f"the rows are vectors of the frozen encoder {model.frozen_encoder.name}, which "
                                     "cannot be turned back into what it read; everything else works."}}  # fmt: skip
    if model.table is not None and model.table.vectors:
        return {"decoder": {"error": "the rows are vectors of another encoder, which have no picture; everything else "
                                     "works."}}  # fmt: skip
    with torch.inference_mode():
        merged = model.merge({name: torch.from_numpy(code) for name, code in codes.items()}).float().numpy()
    decoder = decoder_entries(model, merged[:TRIED], codes, classes)
    if "error" in decoder:
        return {"decoder": decoder}
    if merged.size * 8 / 3 > CODE_BYTES:
        notes.append(f"Codes of {merged.shape[1]:,} numbers would make the page too large: it shows no "
                     "reconstructions.")  # fmt: skip
        return {"decoder": decoder}
    every = np.concatenate([codes[latent.name] for latent in ordered_latents(model)], 1)
    return {"decoder": decoder, "codes": pack(merged, "f16"),
            "latent_codes": pack(every, "f16") if decoder["merge"] else None}  # fmt: skip
