"""The committed bundle is what explorer/ gives, and holds nothing that the page's policy forbids."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "src" / "aae" / "explorer" / "static"
FILES = ("explorer.js", "style.css", "template.html")


def test_the_bundle_is_what_the_source_gives(tmp_path):
    source = ROOT / "explorer"
    node = shutil.which("node")
    if node is None or not (source / "node_modules" / "esbuild").exists():
        pytest.skip("node or explorer/node_modules is missing: run `make explorer`; the bundle is not compared")
    subprocess.run([node, source / "build.mjs", tmp_path], check=True, timeout=60)
    for name in FILES:
        now, kept = ((folder / name).read_text("utf-8") for folder in (tmp_path, STATIC))
        assert now == kept, f"{name}: run `make explorer`"


def test_nothing_that_the_policy_forbids():
    script = (STATIC / "explorer.js").read_text("utf-8")
    for word in ("eval(", "Function(", "innerHTML", "insertAdjacentHTML", "document.write", "fetch(", "XMLHttpRequest",
                 "WebSocket", "http://", "https://", "</script", "webgl"):  # fmt: skip
        assert word not in script, word
    assert "url(" not in (STATIC / "style.css").read_text("utf-8")
    assert ' style="' not in (STATIC / "template.html").read_text("utf-8")
