"""Runs: train a preset, open a run directory, and write files from it (predictions, codes, ONNX, model card).

A new output file belongs here. May import `aae.presets` and the packages below it.
"""
