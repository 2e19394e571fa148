"""Means, ranks and comparisons from the lines of benchmarks/outside.py."""

import json
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from outside_methods import OURS
from scipy.stats import rankdata

Line = dict[str, Any]
Key = tuple[str, str, int, str]


def read(file: Path) -> list[Line]:
    """The lines of a file of results."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def latest(lines: list[Line]) -> dict[Key, Line]:
    """The newest line of each suite, set, draw and method."""
    return {(line["suite"], line["set"], line["draw"], line["method"]): line for line in lines}


@dataclass(frozen=True)
class Measure:
    """What a suite is judged by: a figure of its lines, the digits shown, and whether higher is better."""

    figure: str
    title: str
    digits: int
    more: bool


ERROR = Measure("error", "test error in percent", 1, False)
AUROC = Measure("auroc", "AUROC", 3, True)
BALANCED = Measure("balanced_accuracy", "balanced accuracy in percent", 1, True)
MEASURES = {"tables": ERROR, "outliers-normal": AUROC, "outliers-all": AUROC, "images": ERROR, "rare": BALANCED}


@dataclass(frozen=True)
class Comparison:
    """The runs of one suite. Methods are compared if they were measured on all of the ``cases``.

    Args:
        suite: Its name.
        lines: The newest line of every run of the suite.
    """

    suite: str
    lines: list[Line]

    @property
    def measure(self) -> Measure:
        return MEASURES[self.suite]

    @cached_property
    def _by_method(self) -> dict[str, dict[tuple[str, int], Line]]:
        found: dict[str, dict[tuple[str, int], Line]] = {}
        for line in self.lines:
            found.setdefault(line["method"], {})[line["set"], line["draw"]] = line
        order = {method: place for place, method in enumerate(OURS)}
        return dict(sorted(found.items(), key=lambda item: order.get(item[0], len(order))))

    @cached_property
    def cases(self) -> list[tuple[str, int]]:
        """Sets and draws that are compared: at least half of the baselines were measured on them."""
        baselines = [runs for method, runs in self._by_method.items() if method not in OURS]
        count = Counter(case for runs in baselines for case in runs)
        found = [case for case in count if 2 * count[case] >= len(baselines)]
        return sorted(found, key=lambda case: (case[0].lower(), case[1]))

    @property
    def sets(self) -> list[str]:
        return list(dict.fromkeys(name for name, _ in self.cases))

    @property
    def draws(self) -> int:
        return len({draw for _, draw in self.cases})

    @cached_property
    def methods(self) -> list[str]:
        """Methods that were measured on all cases, ours first."""
        return [method for method, runs in self._by_method.items() if set(self.cases) <= set(runs)]

    @property
    def ours(self) -> list[str]:
        return [method for method in self.methods if method in OURS]

    @property
    def baselines(self) -> list[str]:
        return [method for method in self.methods if method not in OURS]

    @property
    def unfinished(self) -> dict[str, int]:
        """Methods that are left out, with the number of cases that were measured."""
        return {m: len(set(self.cases) & set(runs)) for m, runs in self._by_method.items() if m not in self.methods}

    def values(self, method: str, figure: str | None = None) -> np.ndarray:
        """The figure of each case, ``(cases,)``."""
        return np.array([self._by_method[method][case][figure or self.measure.figure] for case in self.cases])

    def by_set(self, method: str, figure: str | None = None) -> np.ndarray:
        """Mean over the draws, for each set."""
        values = self.values(method, figure)
        return np.array([values[[name == case[0] for case in self.cases]].mean() for name in self.sets])

    def spread(self, method: str) -> float:
        """Standard deviation over the draws of the mean over the sets."""
        values = self.values(method)
        means = [values[[draw == case[1] for case in self.cases]].mean() for draw in {case[1] for case in self.cases}]
        return float(np.std(means, ddof=1)) if len(means) > 1 else 0.0

    @cached_property
    def ranks(self) -> dict[str, float]:
        """Mean rank of each method over all cases, 1 is best; equal figures share their ranks."""
        sign = -1 if self.measure.more else 1
        ranks = rankdata([sign * self.values(method) for method in self.methods], axis=0)
        return dict(zip(self.methods, ranks.mean(1), strict=True))

    def worst(self, method: str) -> tuple[str, float]:
        """The set with the worst mean."""
        values = self.by_set(method)
        place = int(values.argmin() if self.measure.more else values.argmax())
        return self.sets[place], float(values[place])

    def best_on(self, method: str) -> int:
        """On how many sets no method has a better mean."""
        means = np.array([self.by_set(other) for other in self.methods])
        best = means.max(0) if self.measure.more else means.min(0)
        return int((self.by_set(method) == best).sum())

    def losses(self, method: str, other: str) -> np.ndarray:
        """How much worse a method is than another on each set; below zero where it is better."""
        difference = self.by_set(method) - self.by_set(other)
        return -difference if self.measure.more else difference

    def best_baseline(self) -> str:
        """The baseline with the best mean over the sets."""
        means = {method: self.by_set(method).mean() for method in self.baselines}
        return max(means, key=lambda m: means[m]) if self.measure.more else min(means, key=lambda m: means[m])

    def best_baselines(self) -> np.ndarray:
        """On each set the mean of the baseline that is best there: what one knows only afterwards."""
        means = np.array([self.by_set(method) for method in self.baselines])
        return means.max(0) if self.measure.more else means.min(0)


def comparisons(lines: list[Line]) -> list[Comparison]:
    """One for each suite that has runs of baselines."""
    newest = list(latest(lines).values())
    found = [Comparison(suite, [line for line in newest if line["suite"] == suite]) for suite in MEASURES]
    return [comparison for comparison in found if comparison.cases]
