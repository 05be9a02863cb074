# SPDX-License-Identifier: Apache-2.0
"""Makes the figures of the protocol: differences within a round, and their medians over the rounds."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from statistics import median
from typing import NamedTuple

from tests.bench.ablation import COMPLETE, VARIANTS
from tests.bench.figures import Figure
from tests.bench.hardware import hardware

_UNIT = "microseconds/event"


class Cost(NamedTuple):
    """Microseconds an event: as the clock has them, and of CPU."""

    wall: float
    cpu: float


Round = Mapping[str, Cost]
"""What an event cost in one round, by the variant."""


def figures(rounds: Mapping[int, Sequence[Round]]) -> list[Figure]:
    """Return the complete unit and what each part adds to it, by the size of the batch."""
    told: list[Figure] = []
    for size, measured in rounds.items():
        told += _of(f"{size}", [{name: cost.wall for name, cost in each.items()} for each in measured])
        told += _of(f"{size}.cpu", [{name: cost.cpu for name, cost in each.items()} for each in measured])
    return told


def _of(last: str, rounds: Sequence[Mapping[str, float]]) -> Iterator[Figure]:
    figure = partial(Figure, unit=_UNIT, runs=len(rounds), hardware=hardware())
    complete = [each[COMPLETE.name] for each in rounds]
    yield figure(name=f"protocol.{COMPLETE.name}.{last}", value=median(complete))
    for variant in VARIANTS:
        if variant is COMPLETE:
            continue
        added = [whole - each[variant.name] for whole, each in zip(complete, rounds, strict=True)]
        yield figure(
            name=f"protocol.{variant.name}.{last}",
            value=median(added),
            reference=median(complete),
            ratio=median(part / whole for part, whole in zip(added, complete, strict=True)),
        )
