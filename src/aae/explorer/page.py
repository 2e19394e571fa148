"""The page: one HTML file whose content security policy allows its own script and style, and nothing else."""

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from aae.system.files import utf8, write_atomically

__all__ = ["page", "safe_json", "write_page"]


def write_page(payload: Mapping[str, Any], out: Path) -> int:
    """Write a payload as a page.

    Returns:
        The size of the file in bytes.

    Raises:
        AAEError: The file cannot be written.
    """
    html = utf8(page(payload))
    write_atomically(out, lambda file: file.write(html))
    return len(html)


def page(payload: Mapping[str, Any]) -> str:
    """The page of a payload as text."""
    script, style = (_static(name) for name in ("explorer.js", "style.css"))
    policy = (f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data: blob:; "
              "base-uri 'none'; form-action 'none'")  # fmt: skip
    environment = Environment(loader=PackageLoader("aae.explorer", "static"), autoescape=True,
                              undefined=StrictUndefined)  # fmt: skip
    return environment.get_template("template.html").render(
        title=payload["title"], csp=policy, style=style, payload=safe_json(payload), script=script
    )


def safe_json(data: Any) -> str:
    r"""JSON that cannot end the element it stands in: ``<`` is written as ``\u003c``.

    Example:
        >>> safe_json({"label": "</script>"})
        '{"label":"\\u003c/script>"}'
    """
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _static(name: str) -> str:
    return resources.files("aae.explorer").joinpath("static", name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
