"""The page allows its own script and style, and nothing that a label or file name could bring."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from aae.explorer.page import page, safe_json, write_page
from aae.explorer.payload import empty_payload
from aae.system.errors import AAEError

HOSTILE = ["</script><script>alert(1)</script>", "<!--", "<![CDATA[", "\u2028\u2029", "&lt;/script&gt;", "\udcff",
           '" onload="x', "</SCRIPT >"]  # fmt: skip


class Elements(HTMLParser):
    """The elements of a page with their attributes and texts."""

    def __init__(self, text):
        super().__init__()
        self.found, self.inside = [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append([tag, dict(attributes), ""])
        self.inside = True

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.found[-1][2] += data

    def of(self, tag):
        return [(attributes, text) for name, attributes, text in self.found if name == tag]


def sha256(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_allows_this_script_and_style_alone():
    elements = Elements(page(empty_payload("t", "s")))
    (policy,) = [a["content"] for a, _ in elements.of("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    (_, style), (_, script) = elements.of("style")[0], elements.of("script")[-1]
    assert rules["default-src"] == ["'none'"]
    assert rules["script-src"] == [sha256(script)]
    assert rules["style-src"] == [sha256(style)]
    assert set(rules["img-src"]) == {"data:", "blob:"}
    assert rules.keys() == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}


def test_texts_of_the_data_break_out_of_nothing():
    payload = empty_payload("".join(HOSTILE[:-3]), "s") | {"keys": HOSTILE, "classes": HOSTILE}
    usual, elements = Elements(page(empty_payload("t", "s"))), Elements(page(payload))
    assert [name for name, *_ in elements.found] == [name for name, *_ in usual.found]
    ((_, told), _) = elements.of("script")
    assert json.loads(told) == json.loads(json.dumps(payload))
    assert not re.search("<", told)
    assert elements.of("title")[0][1] == payload["title"]


def test_numbers_that_json_has_not_are_refused():
    with pytest.raises(ValueError, match="JSON"):
        safe_json({"x": float("nan")})


def test_file(tmp_path):
    payload = empty_payload("é", "s") | {"keys": HOSTILE}
    size = write_page(payload, tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size == size
    assert (tmp_path / "page.html").read_text("utf-8") == page(payload)
    with pytest.raises(AAEError, match="could not be written: No such file"):
        write_page(payload, tmp_path / "absent" / "page.html")
