"""Hyperparameter search for a preset with Optuna, and its report.

What a search tries, and how trials are judged, belongs here. May import `aae.report`, `aae.runs` and packages below.
"""
