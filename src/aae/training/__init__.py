"""Training: settings, optimisers, one step, the loop around it, checkpoints and the run directory.

What a training does in addition to its step is an extra (a callback): a file in `aae.training.extras`. May import
`aae.evaluation` and the packages below it.
"""
