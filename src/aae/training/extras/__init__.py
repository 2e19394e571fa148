"""Additions to the training step: one file for each, and one protocol through which the trainer calls them."""
