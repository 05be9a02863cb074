# SPDX-License-Identifier: Apache-2.0
"""Looks at what is under way while something is killed, and starts again what has ended."""

import asyncio
from dataclasses import dataclass, field
from time import perf_counter

from deploy.local.counts import Counter
from deploy.local.layout import PARTS
from tests.bench.backlog import Look, gone_at
from tests.bench.steady import Steady
from tests.e2e.installation import Whole

_LOOK_SECONDS = 0.25
_ANSWER_SECONDS = 2.0


@dataclass(slots=True)
class Watch:
    """Looks at an installation under a steady load; ``ended`` are the processes that it started again."""

    up: Whole
    load: Steady
    counter: Counter
    ended: list[str] = field(default_factory=list)

    async def look(self) -> Look:
        """Look once: what the load is behind with, and what the services are."""
        await asyncio.sleep(_LOOK_SECONDS)
        self._start_again()
        at = perf_counter()
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                counts = await self.counter.count()
        except Exception:  # noqa: BLE001 -- whatever it is that does not answer while the broker is away
            return Look(at, None)
        return Look(at, counts.under_way + self.load.behind)

    async def usual(self, seconds: float) -> int:
        """Return the most that is under way in some seconds."""
        until = perf_counter() + seconds
        seen: list[int] = []
        while perf_counter() < until:
            if (look := await self.look()).under_way is not None:
                seen.append(look.under_way)
        return max(seen)

    async def gone(self, usual: int, within: float) -> float:
        """Return the instant at which the backlog that rises now is gone; raises TimeoutError if it stays."""
        deadline = perf_counter() + within
        looks: list[Look] = []
        while (gone := gone_at(looks, usual)) is None:
            if perf_counter() > deadline:
                last = looks[-1].under_way
                message = f"after {within:.0f} s: {last} under way, {usual} as usual"
                raise TimeoutError(message)
            looks.append(await self.look())
        return gone

    def _start_again(self) -> None:
        processes = self.up.installation.processes
        for part in PARTS:
            if not processes.running(part.name).alive:
                self.ended.append(part.name)
                processes.start([processes.kill(part.name)])
