"""The models as scikit-learn estimators, one file for each.

May import `aae.runs` and the packages below it.
"""
