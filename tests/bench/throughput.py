# SPDX-License-Identifier: Apache-2.0
"""The whole way from result to entry at full load: how long it takes, what it costs, what it keeps.

The clock runs from the first result published until everything is drained: all topics read to
their end, all outboxes empty, every entry at its position.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.cohort.submission import TENANT
from deploy.local.counts import Counter, counting
from deploy.local.layout import PARTS
from tests.bench.arithmetic import Sample
from tests.bench.expected import Cohort
from tests.bench.processes import Machine, machine
from tests.bench.stream import encoded
from tests.e2e.installation import INGEST, Whole
from tests.e2e.state import read_state

# A look costs the services' database some milliseconds; only the end needs them close together.
_LOOK_SECONDS = 1.0
_LAST_LOOKS_SECONDS = 0.1
_FEW = 2000
_LONGEST_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Throughput:
    """One run: how long it took, CPU seconds by process, and resident MiB by results taken in."""

    seconds: float
    cpu: Mapping[str, float]
    resident: Mapping[str, list[Sample]]


@dataclass(slots=True)
class _Course:
    """The course of one run as the looks see it."""

    machine: Machine
    wanted: int
    resident: dict[str, list[Sample]] = field(default_factory=dict)

    async def follow(self, counter: Counter) -> float:
        """Return the instant of the first of two looks in a row that see everything done."""
        deadline = time.perf_counter() + _LONGEST_SECONDS
        quiet_since: float | None = None
        while True:
            now = await counter.count()
            looked = time.perf_counter()
            self._note(now.results)
            done = now.results >= self.wanted and now.under_way == 0
            if done and quiet_since is not None:
                return quiet_since
            quiet_since = looked if done else None
            if looked > deadline:
                message = f"after {_LONGEST_SECONDS:.0f} s: {now}"
                raise TimeoutError(message)
            near = now.results >= self.wanted and now.under_way < _FEW
            await asyncio.sleep(_LAST_LOOKS_SECONDS if near else _LOOK_SECONDS)

    def _note(self, results: int) -> None:
        for name, resident in self.machine.resident().items():
            self.resident.setdefault(name, []).append((results, resident))


async def run(up: Whole, cohort: Cohort, folder: Path, admin: str) -> Throughput:
    """Feed a fresh installation the whole cohort; raise where a count is not the oracle's."""
    found = machine(folder, PARTS)
    course = _Course(found, len(cohort.events))
    async with encoded(up.bootstrap, cohort.events) as stream, counting(up.installation.layout) as counter:
        before, begun = found.cpu(), time.perf_counter()
        publishing = asyncio.create_task(stream.publish(INGEST))
        ended = await course.follow(counter)
        await publishing
        cpu = await found.itemise(admin, before, found.cpu())
    up.installation.processes.check()
    if differences := cohort.differences(await read_state(up.databases, TENANT)):
        raise AssertionError("; ".join(differences))
    return Throughput(ended - begun, cpu, course.resident)
