"""Data: sources, splits, batches and augmentation.

A new source format or augmentation belongs here. May import `aae.model` and the packages below it.
"""
