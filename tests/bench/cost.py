# SPDX-License-Identifier: Apache-2.0
"""What one more result costs where millions are stored, and where few are.

Two installations, each with a broker and a database of its own, take in the same results in turns. Both
have stored the same results at first; in one of them every row is then multiplied.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from cairn.cloudevents import CloudEvent
from deploy.local.counts import Counts, counting
from deploy.local.progress import Steps
from deploy.local.stack import Endpoints, Stack
from tests.bench import throughput
from tests.bench.asked import FOLDER
from tests.bench.cost_figures import Pair, figures
from tests.bench.figures import Figure
from tests.bench.multiply import multiply
from tests.bench.stored_feed import feed
from tests.bench.throughput import Throughput
from tests.e2e.installation import Whole, whole

NAME = "cost"
ROUNDS = 5
FEW = 100_000
LOT = 10_000
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Store:
    """One installation, and the folder of its broker and its database."""

    up: Whole
    endpoints: Endpoints
    folder: Path

    async def take(self, events: Sequence[CloudEvent]) -> Throughput:
        """Feed results and follow them to the end; raise unless each is new and taken."""
        before = await self._counts()
        taken = await throughput.take(self.up, events, self.folder, self.endpoints.admin, _LOOK_SECONDS)
        after = await self._counts()
        new = after.results - before.results - (after.duplicates - before.duplicates)
        if new != len(events) or after.aside != before.aside:
            message = f"{len(events)} results were fed: {before} became {after}"
            raise AssertionError(message)
        return taken

    async def check(self, wanted: int) -> None:
        """Raise unless just so many results are stored."""
        connection = await asyncpg.connect(self.up.databases["assessment"])
        try:
            found = await connection.fetchval("select count(*) from assessment.result")
        finally:
            await connection.close()
        if found != wanted:
            message = f"{found} results are stored, and not {wanted}"
            raise AssertionError(message)

    async def _counts(self) -> Counts:
        async with counting(self.up.installation.layout) as counter:
            return await counter.count()


async def measure(stored: int, steps: Steps) -> list[Figure]:
    """Measure at so many stored results and at 100,000, or a tenth where that is fewer."""
    few = min(FEW, stored // 10)
    with steps.step("Make the results"):
        fed = feed(few, ROUNDS + 1, min(LOT, few))
    async with _store("few", steps) as less, _store("many", steps) as more:
        for store in (less, more):
            with steps.step(f"Store {few:,} results"):
                await store.take(fed.stored)
        await multiply(more.up.databases, stored // few - 1, steps)
        await multiply(less.up.databases, 0, steps)
        for store, wanted in ((less, few), (more, stored // few * few)):
            await store.check(wanted)
        pairs = [await _pair(less, more, lot, number, steps) for number, lot in enumerate(fed.lots)]
    return figures(pairs[1:], stored)  # the first has warmed both up


async def _pair(less: Store, more: Store, lot: Sequence[CloudEvent], number: int, steps: Steps) -> Pair:
    taken = {}
    # None has always the other one before it.
    for store in (less, more) if number % 2 else (more, less):
        with steps.step(f"Round {number}: {store.folder.name}"):
            taken[store.folder.name] = await store.take(lot)
    pair = Pair(taken[less.folder.name], taken[more.folder.name], len(lot))
    steps.console.print(f"  {pair.few.cpu:,.0f} and {pair.many.cpu:,.0f} microseconds of CPU for a result")
    return pair


@asynccontextmanager
async def _store(name: str, steps: Steps) -> AsyncIterator[Store]:
    folder = FOLDER / name
    with Stack(folder, steps=steps, environment={}) as endpoints:
        async with whole(endpoints, folder) as up:
            yield Store(up, endpoints, folder)
