"""The named variants: options, presets and published recipes, and how they become a model and its settings.

A new preset or option belongs here. May import `aae.training` and the packages below it.
"""
