"""Training: settings, optimisers, one step, the loop around it, checkpoints and the run directory.

Additions to the training step are extras, each a file in `aae.training.extras`. May import `aae.evaluation` and the
rooms below it.
"""
