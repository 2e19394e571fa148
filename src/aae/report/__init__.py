"""Plots, the HTML report and the speed benchmark of a run.

A new plot belongs here. May import `aae.runs` and the packages below it.
"""

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """The package can be called, because the public function `aae.report` has its name: it writes a run's report."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        from aae.report.gallery import report

        return report(*arguments, **named)


sys.modules[__name__].__class__ = _Callable
