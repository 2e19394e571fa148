"""What a training step optimises: the phases derived from the latents, and the terms for few labels.

A new loss term belongs here. May import `aae.model` and the packages below it.
"""
