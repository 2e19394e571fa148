"""Settings of the documentation site: `make docs` writes it to docs/_build/html."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from docutils.nodes import SkipNode
from latex2mathml.converter import convert

from aae._version import __version__

DOCS = Path(__file__).parent

project, author, copyright = "aae", "the aae developers", "the aae developers"
version = release = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_build", "jupyter_execute"]

html_theme = "furo"
html_title = f"aae {version}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sphinx = False
html_math_renderer = "mathml"

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
# Every page with code cells runs when the site is built, and an error in one stops the build. Pages with the same code,
# such as those in two languages, run once.
nb_execution_mode = "cache"
nb_execution_cache_path = str(DOCS / "_build" / "executed")
nb_execution_in_temp = True  # some write runs
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_execution_show_tb = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring, napoleon_numpy_docstring = True, False
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True


def write_commands(_app: Any) -> None:
    """Write the reference of the commands from the program itself."""
    command = [sys.executable, "-m", "typer", "aae.cli.app", "utils", "docs", "--name", "aae", "--title", "Commands"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "COLUMNS": "100"})
    lines, examples = [], False
    for line in done.stdout.replace("\b\n", "").splitlines():
        if line == "Examples:":
            lines += ["**Examples**:", "", "```console"]
            examples = True
        elif examples and not line.startswith("  "):
            lines += ["```", line]
            examples = False
        else:
            lines.append(line.removeprefix("  ") if examples else line)
    target = DOCS / "reference" / "commands.md"
    text = "\n".join(lines + ["```"] * examples) + "\n"
    if not target.exists() or target.read_text(encoding="utf-8") != text:  # an unchanged page is not built again
        target.write_text(text, encoding="utf-8")


def inline_formula(writer: Any, node: Any) -> None:
    """Write a formula within a sentence."""
    writer.body.append(f'<span class="formula">{convert(node.astext())}</span>')
    raise SkipNode


def formula(writer: Any, node: Any) -> None:
    """Write a formula on a line of its own."""
    writer.body.append(f'<div class="math">{convert(node.astext(), display="block")}</div>')
    raise SkipNode


def setup(app: Any) -> None:
    """Generate pages before Sphinx reads them, and write formulas as MathML, which needs no script and no network."""
    app.connect("builder-inited", write_commands)
    app.add_html_math_renderer("mathml", (inline_formula, None), (formula, None))
