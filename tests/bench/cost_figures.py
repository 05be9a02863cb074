# SPDX-License-Identifier: Apache-2.0
"""Makes the figures of what a result costs: medians over the rounds, each ratio of one round."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import NamedTuple

from tests.bench.figures import Figure
from tests.bench.hardware import hardware
from tests.bench.throughput import Throughput

_MICROSECONDS = 1_000_000
_UNIT = "microseconds/result"


class PerResult(NamedTuple):
    """Microseconds for a result: CPU of all processes but the bench, and by the clock."""

    cpu: float
    wall: float


@dataclass(frozen=True, slots=True)
class Pair:
    """The same results, taken in where few are stored and where many are."""

    less: Throughput
    more: Throughput
    results: int

    @property
    def few(self) -> PerResult:
        """What a result cost where few are stored."""
        return self._per_result(self.less)

    @property
    def many(self) -> PerResult:
        """What a result cost where many are stored."""
        return self._per_result(self.more)

    def _per_result(self, taken: Throughput) -> PerResult:
        share = _MICROSECONDS / self.results
        cpu = sum(seconds for name, seconds in taken.cpu.items() if name != "bench")
        return PerResult(cpu * share, taken.seconds * share)


def figures(pairs: Sequence[Pair], stored: int) -> list[Figure]:
    """Return CPU and time for a result at so many stored, with what it is where few are as the reference."""
    return list(_figures(pairs, f"cost.at_{short(stored)}"))


def _figures(pairs: Sequence[Pair], name: str) -> Iterator[Figure]:
    figure = partial(Figure, unit=_UNIT, runs=len(pairs), hardware=hardware())
    for kind, at in ((name, 0), (f"{name}.wall", 1)):
        yield figure(
            name=kind,
            value=median(pair.many[at] for pair in pairs),
            reference=median(pair.few[at] for pair in pairs),
            ratio=median(pair.many[at] / pair.few[at] for pair in pairs),
        )


def short(number: int) -> str:
    """Write a round number shortly, as 5m or 20k."""
    for unit, letter in ((1_000_000, "m"), (1000, "k")):
        if number >= unit and number % unit == 0:
            return f"{number // unit}{letter}"
    return f"{number}"
