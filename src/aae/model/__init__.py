"""The model and its parts: latents, posteriors, priors, matching rules, networks, and its files.

A new prior, posterior, matching rule or network belongs here. May import `aae.distributed` and `aae.system`.
"""
