"""Many trials of a preset's settings through Optuna, and the page that shows them.

May import `aae.report`, `aae.runs` and the rooms below them.
"""
