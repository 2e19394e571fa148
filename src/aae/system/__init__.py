"""Helpers for every room: errors and their wording, files, tensors as bytes, memory limits, progress bars, the machine.

Nothing here knows what a model is. May import no other room.
"""
