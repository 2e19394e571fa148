"""``python -m aae`` is the command ``aae``."""

from aae.cli import main

main()
