"""The encoding of a text file: from its byte order mark, by UTF-8's own form, or guessed from its letters."""

import codecs
import re
from contextlib import suppress
from pathlib import Path

from aae.system.errors import AAEError, UsageError, first_line

__all__ = ["as_utf8"]

SAMPLE = 2**16  # bytes in which zeros tell UTF-16
BLOCK = 2**20  # bytes
ENCODING_SAMPLE = 2**18  # bytes
MARKED = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
          codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # fmt: skip
# Other encodings are rare, and short texts would often be taken for one of them.
GUESSED = ["cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "mac_roman", "cp932", "gb18030", "big5", "cp949"]
_RUN = re.compile(r"[^\W\d_\x00-\x7f]{3}")  # no western language has three accented letters in a row
_ODD = re.compile(r"[\x80-\x9f£¥¢¯¹¼¾¿Ÿ][a-zß-ÿ]|[a-zß-ÿ][ÀÁÂÃÈÊËÌÍÎÏÐÒÓÔÕÙÚÛÝÞ¿]")


def as_utf8(
    data: bytes, path: Path, encoding: str | None, hint: bool = False, what: str = "table"
) -> tuple[bytes, list[str]]:
    """A text file's content in UTF-8 without a byte order mark, and a note if that was guessed.

    Raises:
        AAEError: It is no text, or not one in the given encoding.
        UsageError: There is no such encoding.
    """
    notes = []
    marked = next((name for mark, name in MARKED.items() if data.startswith(mark)), None)
    if encoding is not None:
        try:
            codecs.lookup(encoding)
        except LookupError:
            raise UsageError(f"There is no encoding {encoding!r}; usual ones are utf-8, cp1252, utf-16.") from None
    found = marked or (encoding if not hint else _without_mark(data) or encoding) or _without_mark(data)
    if found is None:
        found = _guess(data)
        if found is None:
            raise AAEError(f"{path} is not a readable {what}: its encoding is unclear; name it with --encoding.")
        notes = [f"read as {found}; name another encoding with --encoding if accented letters are wrong."]
    try:
        if found != "utf-8":
            data = data.decode(found).removeprefix("\ufeff").encode()
        elif encoding is not None and not hint:
            data.decode()
    except (UnicodeError, LookupError) as error:
        raise AAEError(f"{path} is not a readable {what} in {found} ({first_line(error)}); name its encoding with "
                       "--encoding.") from error  # fmt: skip
    if b"\0" in data[:SAMPLE]:
        raise AAEError(f"{path} is not a readable {what}: it holds bytes that are no text.")
    return data, notes


def _without_mark(data: bytes) -> str | None:
    """UTF-8 if that is possible, or UTF-16 where every other byte is zero."""
    zeros = [data[k : SAMPLE : 2].count(0) for k in (0, 1)]
    half = max(1, len(data[:SAMPLE]) // 2)
    if max(zeros) > 0.4 * half and min(zeros) < 0.1 * half and len(data) % 2 == 0:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), BLOCK):  # in pieces: the text itself is not needed
            decoder.decode(data[start : start + BLOCK], final=start + BLOCK >= len(data))
    except UnicodeDecodeError:
        return None
    return "utf-8"


def _guess(data: bytes) -> str | None:
    """The encoding of a text that is not UTF-8: that of western Windows unless its letters speak against it."""
    from charset_normalizer import from_bytes

    lines = [line for line in data.splitlines() if not line.isascii()]
    some = b"\n".join(lines)[:ENCODING_SAMPLE]
    with suppress(UnicodeDecodeError):
        text = some.decode("cp1252")
        if not _RUN.search(text) and not _ODD.search(text) and not re.search(r"[\x00-\x08\x0e-\x1f]", text):
            return "cp1252"
    for others in (GUESSED, None):
        found = from_bytes(some, cp_isolation=others, cp_exclusion=["cp1252", "latin_1"])
        best = next((match for match in found if not _ODD.search(str(match))), None)
        if best is not None:
            return best.encoding
    return None
