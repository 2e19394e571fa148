"""Helpers for every package: errors and their wording, files, tensors as bytes, memory limits, progress bars, hardware.

Nothing here knows what a model is. May import no other package.
"""
