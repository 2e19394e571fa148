"""Hyperparameter search for a preset with Optuna, and its report.

May import `aae.report`, `aae.runs` and the rooms below them.
"""
