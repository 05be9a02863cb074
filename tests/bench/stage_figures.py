# SPDX-License-Identifier: Apache-2.0
"""Makes the figures of the stages: medians over the rounds, each ratio of what met the same machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean, median

from tests.bench.alone import Alone
from tests.bench.figures import Figure
from tests.bench.hardware import hardware
from tests.bench.reference import Reference
from tests.bench.stages import Stage

_PER = 100_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One stage once, and the reference just before and just after."""

    name: str
    stage: Stage
    alone: Alone
    references: tuple[Reference, Reference]

    def bare(self, results: int) -> float:
        """Return the results a second of the reference."""
        return results / fmean(each.seconds for each in self.references)

    def ratio(self, results: int) -> float:
        """Return the stage's events a second as a share of the reference's results a second."""
        return self.alone.per_second / self.bare(results)

    @property
    def cpu(self) -> float:
        """The CPU seconds of the process for so many events."""
        return self.alone.cpu[self.stage.part.name] * _PER / self.alone.events

    @property
    def database_cpu(self) -> float:
        """The CPU seconds of its sessions in the database for so many events."""
        return self.alone.cpu.get(f"postgres.{self.stage.application}", 0.0) * _PER / self.alone.events


def figures(measured: Sequence[Measured], results: int, rounds: int) -> list[Figure]:
    """Return rate and CPU of each stage, in the order in which they were measured first."""
    figure = partial(Figure, runs=rounds, hardware=hardware())
    per = partial(figure, unit=f"s/{_PER:,} events")
    told: list[Figure] = []
    for name in dict.fromkeys(each.name for each in measured):
        of = [each for each in measured if each.name == name]
        told += [
            figure(
                name=name,
                value=median(each.alone.per_second for each in of),
                unit="events/s",
                reference=median(each.bare(results) for each in of),
                ratio=median(each.ratio(results) for each in of),
            ),
            per(name=f"{name}.cpu", value=median(each.cpu for each in of)),
            per(name=f"{name}.cpu.postgres", value=median(each.database_cpu for each in of)),
        ]
    return told
