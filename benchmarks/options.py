"""Writes docs/options.md, the table of all options, from where they are defined.

Run it with ``.venv/bin/python benchmarks/options.py``.
"""

from pathlib import Path

from aae.presets.meanings import options_page

PAGE = Path(__file__).parents[1] / "docs" / "options.md"

if __name__ == "__main__":
    PAGE.write_text(options_page(), encoding="utf-8")
    print(PAGE)
