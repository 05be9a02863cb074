# SPDX-License-Identifier: Apache-2.0
"""One process at work alone: how fast it gets through what waits for it, and the CPU that this takes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import perf_counter

from tests.bench.processes import Machine

# A look costs the database a third of a millisecond.
_LOOK_SECONDS = 0.03
_LONGEST_SECONDS = 600.0

Done = Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Alone:
    """From the first commit seen to the last; what the first brought is in no number."""

    events: int
    seconds: float
    cpu: Mapping[str, float]

    @property
    def per_second(self) -> float:
        """The events a second."""
        return self.events / self.seconds


async def follow(found: Machine, admin: str, done: Done, wanted: int) -> Alone:
    """Follow a process that has just been started until so many events are done.

    Raises ValueError where all is seen done at once, which tells no rate.
    """
    first = await _reach(done, 1)
    begun, before = perf_counter(), found.cpu()
    if first >= wanted:
        message = f"all {wanted} events were done at the first look: feed more learners"
        raise ValueError(message)
    last = await _reach(done, wanted)
    ended, after = perf_counter(), found.cpu()
    return Alone(last - first, ended - begun, await found.itemise(admin, before, after))


async def _reach(done: Done, least: int) -> int:
    async with asyncio.timeout(_LONGEST_SECONDS):
        while (now := await done()) < least:  # noqa: ASYNC110 -- it must be asked for
            await asyncio.sleep(_LOOK_SECONDS)
    return now
