"""Several processes for one training: device and process group, and one batch divided among them.

May import `aae.system`.
"""
