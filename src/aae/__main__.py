"""``python -m aae`` is the command ``aae``."""

from aae.cli.app import main

main()
