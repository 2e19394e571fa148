"""The explorer: a run and its rows as one HTML file, to look at, to decode and to label.

The script of the page is built from `explorer/` at the root of the repository. May import `aae.runs` and the
subpackages below it.
"""
