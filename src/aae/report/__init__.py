"""Pictures, the HTML report and the speed benchmark of a run.

A new picture belongs here. May import `aae.runs` and the rooms below it.
"""
