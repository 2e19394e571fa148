"""A trained model on many rows: inference, metrics, likelihood bounds, outlier scores.

A new metric belongs here. May import `aae.data`, `aae.objectives` and the packages below them.
"""
