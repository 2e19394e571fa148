"""Pictures, the HTML report and the speed benchmark of a run.

A new picture belongs here. May import `aae.runs` and the rooms below it.
"""

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """This room can be called, for the public function `aae.report` has its name: it writes the report of a run."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        from aae.report.gallery import report

        return report(*arguments, **named)


sys.modules[__name__].__class__ = _Callable
