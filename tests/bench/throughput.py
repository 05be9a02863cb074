# SPDX-License-Identifier: Apache-2.0
"""The whole way from result to entry at full load: how long it takes, what it costs, what it keeps.

The clock runs from the first result published until everything is drained: all topics read to
their end, all outboxes empty, every entry at its position.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cairn.cloudevents import CloudEvent
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
    look_seconds: float
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
            await asyncio.sleep(_LAST_LOOKS_SECONDS if near else self.look_seconds)

    def _note(self, results: int) -> None:
        for name, resident in self.machine.resident().items():
            self.resident.setdefault(name, []).append((results, resident))


async def run(up: Whole, cohort: Cohort, folder: Path, admin: str) -> Throughput:
    """Feed a fresh installation the whole cohort; raise where a count is not the oracle's."""
    taken = await take(up, cohort.events, folder, admin)
    if differences := cohort.differences(await read_state(up.databases, TENANT)):
        raise AssertionError("; ".join(differences))
    return taken


async def take(
    up: Whole, events: Sequence[CloudEvent], folder: Path, admin: str, look_seconds: float = _LOOK_SECONDS
) -> Throughput:
    """Feed an idle installation some results and follow them to the end, looking so often until near it."""
    found = machine(folder, PARTS)
    async with encoded(up.bootstrap, events) as stream, counting(up.installation.layout) as counter:
        course = _Course(found, (await counter.count()).results + len(events), look_seconds)
        before, begun = found.cpu(), time.perf_counter()
        publishing = asyncio.create_task(stream.publish(INGEST))
        ended = await course.follow(counter)
        await publishing
        cpu = await found.itemise(admin, before, found.cpu())
    up.installation.processes.check()
    return Throughput(ended - begun, cpu, course.resident)
