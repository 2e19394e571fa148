"""Pictures, the HTML report and the speed benchmark of a run.

A new picture belongs here. May import `aae.runs` and the rooms below it.
"""

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """The room under its own name, which the function `aae.report` has as well: either way it writes a report."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        from aae.report.gallery import report

        return report(*arguments, **named)


sys.modules[__name__].__class__ = _Callable
