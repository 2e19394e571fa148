"""From a preset's name to a finished run, back from its directory, and what is written from it: files, ONNX, card.

A new output file belongs here. May import `aae.presets` and the rooms below it.
"""
