# SPDX-License-Identifier: Apache-2.0
"""Each stage alone: one process, a fresh database of its service, and all its work waiting for it.

The pipeline runs once and leaves its topics full. Progress stands in the database, so that on a fresh
one a consumer begins at the beginning of its topics; no relay runs, and nothing is added to them.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from deploy.local.cohort.submission import TENANT
from tests.bench import throughput
from tests.bench.alone import Alone
from tests.bench.asked import FOLDER, Asked
from tests.bench.expected import Cohort
from tests.bench.figures import Figure
from tests.bench.reference import Reference, reference
from tests.bench.room import Room
from tests.bench.stage_figures import Measured, figures
from tests.bench.stages import AIOKAFKA, BOTH, INTAKE, RECOGNITION, RECORDS, RELAY, RESULTS, Stage
from tests.e2e.installation import whole
from tests.e2e.state import read_state

NAME = "stage"
_CONSUMERS: Sequence[tuple[Stage, Sequence[str]]] = (
    (INTAKE, AIOKAFKA),
    (RESULTS, BOTH),
    (RECOGNITION, BOTH),
    (RECORDS, BOTH),
)


@dataclass(slots=True)
class _Series:
    """Measurements one after the other, each between two of the reference."""

    asked: Asked
    fed: Cohort
    last: Reference
    measured: list[Measured]

    async def add(self, name: str, stage: Stage, alone: Alone) -> None:
        """Note what a stage did, and measure the reference again."""
        with self.asked.steps.step("Reference"):
            after = await reference(self.asked.endpoints, FOLDER, self.fed.events)
        one = Measured(name, stage, alone, (self.last, after))
        self.measured.append(one)
        self.last = after
        self.asked.steps.console.print(
            f"  {name}: {alone.per_second:,.0f} events/s, {one.ratio(self.results):.3f} of the reference's"
        )

    @property
    def results(self) -> int:
        """How many results the reference takes in."""
        return len(self.fed.events)


async def measure(asked: Asked, fed: Cohort) -> list[Figure]:
    """Measure every stage under every runner that it can have, as often as was asked for."""
    async with _full(asked, fed) as room:
        with asked.steps.step("Reference"):
            series = _Series(asked, fed, await reference(asked.endpoints, FOLDER, fed.events), [])
        for number in range(1, asked.runs + 1):
            await _round(series, room, number)
            if differences := fed.concluded(await read_state(room.up.databases, TENANT)):
                raise AssertionError("; ".join(differences))
    return figures(series.measured, series.results, asked.runs)


@asynccontextmanager
async def _full(asked: Asked, fed: Cohort) -> AsyncIterator[Room]:
    """Run the pipeline, stop all its processes, and leave its topics as they are."""
    async with whole(asked.endpoints, FOLDER) as up:
        with asked.steps.step("Fill the topics"):
            await throughput.run(up, fed, FOLDER, asked.endpoints.admin)
        room = Room(asked.endpoints, up)
        await room.stop()
        yield room


async def _round(series: _Series, room: Room, number: int) -> None:
    steps = series.asked.steps
    for stage, runners in _CONSUMERS:
        for runner in runners:
            name = f"{NAME}.{stage.name}.{runner}"
            with steps.step(f"Round {number}: {name}"):
                alone = await room.consume(stage, runner)
            await series.add(name, stage, alone)
        if stage is INTAKE:  # what it has written is what the relay sends
            with steps.step(f"Round {number}: {NAME}.relay"):
                alone = await room.relay()
            await series.add(f"{NAME}.relay", RELAY, alone)
