"""What was done to the images of a folder when they were read, in sentences."""

from collections.abc import Sequence

import numpy as np

from aae.data.pixel_ranges import KINDS
from aae.data.pixels import Seen, is_uneven, plain_rows
from aae.model.pictures import EACH, PictureFormat

__all__ = ["images_have", "reading_notes"]

FEW = 3  # images of one colour that are told, whatever their share
SMALL_SHARE = 0.05  # share of such images that is told, however few they are


def images_have(count: int) -> str:
    """How a sentence about some images begins."""
    return f"{count:,} {'image has' if count == 1 else 'images have'}"


def reading_notes(
    seen: Seen, x: np.ndarray, rows: np.ndarray, how: PictureFormat, known: PictureFormat
) -> list[str]:
    """What the user may not expect.

    Args:
        seen: What was seen in the images.
        x: Those that could be read ``(N, S, S[, 3])``.
        rows: Their numbers in ``seen``.
        how: How they were read.
        known: What of it was known before: all of it if they are read for a model.
    """
    if not len(x):
        return []
    notes = [*_transparent(seen, how, known), *_deep(seen, known), *_shape(seen, x.shape[1], how, known)]
    if seen.several:
        notes.append(f"{images_have(len(seen.several))} several pages or frames; only the first is read.")
    plain = plain_rows(x)
    if len(plain) >= min(FEW, SMALL_SHARE * len(x)) and len(plain):
        notes.append(_plain(rows[plain].tolist(), len(x), seen, how, known))
    return notes


def _transparent(seen: Seen, how: PictureFormat, known: PictureFormat) -> list[str]:
    if not seen.clear:
        return []
    if how.background == EACH:
        what = "black behind light drawings and as white behind dark ones, for each image by itself"
    else:
        what = f"{how.background}{', as in training' if known.background else ''}"
    return [f"{images_have(len(seen.clear))} transparent parts, which are read as {what}."]


def _deep(seen: Seen, known: PictureFormat) -> list[str]:
    """Ranges of values that were known; those that were not are noted where they are decided."""
    notes = []
    for kind, what in KINDS.items():
        limits, beyond = getattr(known, kind), [share for one, share in seen.scaled.values() if one == kind]
        if limits is None or not beyond:
            continue
        if limits == EACH:
            notes.append(f"{images_have(len(beyond))} {what}, as no image had in training: the range from black to "
                         "white is determined for each image separately.")  # fmt: skip
            continue
        low, high = limits
        note = f"{images_have(len(beyond))} {what}: values from {low:,.6g} to {high:,.6g} are read as black to white, "
        note += "as in training."
        most = sum(share > 0.5 for share in beyond)
        if most:
            note += f" {images_have(most)} most pixels beyond this range, which come out black or white."
        notes.append(note)
    return notes


def _shape(seen: Seen, size: int, how: PictureFormat, known: PictureFormat) -> list[str]:
    """Images that were cut, got a margin or were stretched; and the sizes that were scaled."""
    notes, sizes = [], list(seen.sizes.values())
    shares = [1 - min(sides) / max(sides) for sides in sizes if max(sides) - min(sides) > 1]
    shares = [share for share in shares if share >= 0.01]
    if shares:
        most = f"{100 * max(shares):.0f} %"
        what, ways = {
            "pad": (f"a margin of up to {most} of the square keeps all of them", "crop or stretch: another way"),
            "stretch": (f"shorter sides are stretched, by up to {100 / (1 - max(shares)) - 100:.0f} %",
                        "crop or pad: another way"),
        }.get(str(how.fit), (f"longer sides are cut by up to {most}", "pad or stretch keeps all"))
        way = "as in training" if known.is_known else f"--fit {ways}"
        notes.append(f"{_of(len(shares), len(sizes))} not square; {what} ({way}).")
    sides = [(max if how.fit == "pad" else min)(one) for one in sizes]
    if sides and (min(sides) != size or max(sides) != size):
        some = f"{min(sides):,}" if min(sides) == max(sides) else f"{min(sides):,} to {max(sides):,}"
        notes.append(f"Images of {some} pixels are scaled to {size} x {size}.")
    return notes


def _plain(numbers: Sequence[int], count: int, seen: Seen, how: PictureFormat, known: PictureFormat) -> str:
    """Images of one colour each, and what may have made them so."""
    are = f"{_of(len(numbers), count)} of one colour{' each' if len(numbers) > 1 else ''}"
    reasons = []
    for kind in KINDS:
        limits = getattr(how, kind)
        if limits not in (None, EACH) and any(seen.scaled.get(k, ("",))[0] == kind for k in numbers):
            reasons.append(f"values from {limits[0]:,.6g} to {limits[1]:,.6g} are read as black to white")
    if how.background != EACH and any(k in seen.clear for k in numbers):
        reasons.append(f"transparent parts are read as {how.background}")
    cut = [1 - min(seen.sizes[k]) / max(seen.sizes[k]) for k in numbers if is_uneven(seen.sizes[k])]
    if how.fit == "crop" and cut:
        reasons.append(f"longer sides are cut by up to {100 * max(cut):.0f} %")
    why = f" after reading ({'; '.join(reasons)})" if reasons else ""
    if known.is_known:
        return f"{are}{why}; check that they are like the images of the training."
    it = "them" if len(numbers) > 1 else "it"
    nothing = f", so there is nothing to learn from {it}" if len(numbers) > count / 2 else ""
    return f"{are}{why}{nothing}; check how they were saved."


def _of(some: int, count: int) -> str:
    return f"{some:,} of {count:,} image{'s' * (count != 1)} {'is' if some == 1 else 'are'}"
