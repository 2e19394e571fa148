from pathlib import Path

import pytest

from aae.data.text_encoding import as_utf8
from aae.system.errors import AAEError, UsageError

GERMAN = "name;größe\nMüller;1,80\n"
POLISH = "imię,miasto\nŁukasz,Łódź\nŻaneta,Kraków\nWisława,Gdańsk\n"
RUSSIAN = "имя,город\nИван,Москва\nПётр,Казань\n"  # noqa: RUF001


@pytest.mark.parametrize(("text", "encoding"), [
    (GERMAN, "utf-8"), (GERMAN, "utf-8-sig"), (GERMAN, "utf-16"), (GERMAN, "utf-16-le"), (GERMAN, "utf-16-be"),
    (GERMAN, "utf-32"), (GERMAN, "cp1252"), ("Preis\n€ 3,50\n", "cp1252"), ("größe,ä\n1,é\n", "latin-1"),
    (POLISH, "cp1250"), (RUSSIAN, "cp1251"), ("名前,都市\n太郎,東京\n花子,大阪\n", "cp932"),
])  # fmt: skip
def test_encodings_are_found(text, encoding):
    found, notes = as_utf8(text.encode(encoding), Path("a.csv"), None)
    assert found.decode() == text
    assert len(notes) == (encoding.startswith(("cp", "latin")))


def test_an_encoding_that_is_given():
    assert as_utf8("ä".encode("mac_roman"), Path("a"), "mac_roman") == ("ä".encode(), [])
    with pytest.raises(AAEError, match=r"a is not a readable table in utf-8 .*name its encoding with --encoding"):
        as_utf8(b"\xff", Path("a"), "utf-8")
    with pytest.raises(UsageError, match="There is no encoding 'cp9'"):
        as_utf8(b"a", Path("a"), "cp9")
    assert as_utf8("ä".encode(), Path("a"), "cp1252", hint=True)[0] == "ä".encode()  # that of another file


def test_bytes_that_are_no_text():
    with pytest.raises(AAEError, match="is not a readable table"):
        as_utf8(bytes(range(256)) * 4, Path("a"), None)
