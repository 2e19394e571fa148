"""The named variants: options, presets, published recipes, and from these to a model and its settings.

A new preset or option belongs here. May import `aae.training` and the rooms below it.
"""
