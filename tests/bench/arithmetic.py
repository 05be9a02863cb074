# SPDX-License-Identifier: Apache-2.0
"""The arithmetic behind the figures: percentiles, medians, and a line fitted through samples."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import linear_regression, median

Sample = tuple[float, float]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the least of the values that a share of them does not exceed (nearest rank)."""
    if not values or not 0 < share <= 1:
        raise ValueError("a percentile needs values, and a share above 0 and not above 1")
    ordered = sorted(values)
    rank = -int(-share * len(ordered) // 1)  # rounded up
    return ordered[rank - 1]


def growth(samples: Sequence[Sample], warm_up: float) -> float | None:
    """Return the slope of the line of least squares through the samples whose x is above ``warm_up``.

    None where fewer than three samples, or samples of one x, tell nothing.
    """
    fitted = [(x, y) for x, y in samples if x > warm_up]
    if len(fitted) < 3 or all(before[0] == after[0] for before, after in pairwise(fitted)):
        return None
    xs, ys = zip(*fitted, strict=True)
    return linear_regression(xs, ys).slope


def medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of each name over the runs; a run that does not have it counts as 0."""
    names = sorted({name for run in runs for name in run})
    return {name: median(run.get(name, 0.0) for run in runs) for name in names}
