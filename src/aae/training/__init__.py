"""The training: settings, optimisers, one step, the loop around it, checkpoints and the run directory.

What a training can have besides its step is an extra, a file in `aae.training.extras`. May import `aae.evaluation` and
the rooms below it.
"""
