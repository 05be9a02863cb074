# SPDX-License-Identifier: Apache-2.0
"""Kills each process of an installation once, in the middle of its work, and starts it again."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from tests.e2e.caught import caught, fate
from tests.e2e.installation import Whole
from tests.e2e.quiet import until
from tests.e2e.work_done import WorkDone

_PLACING = "records-schedule"
# How much of its work a process does before it is killed. Who stands at the end of the flow goes first,
# so that each still has something to do when its turn comes.
_SHARES = {
    "records-schedule": 0.05,
    "records-relay": 0.07,
    "records-consume": 0.09,
    "recognition-relay": 0.12,
    "recognition-consume": 0.16,
    "assessment-consume-results": 0.30,
    "assessment-relay": 0.35,
    "assessment-consume-intake": 0.45,
    "assessment-serve": 0.45,
}


@dataclass(frozen=True, slots=True)
class Death:
    """One kill: what the process had done when it came, of how much in all.

    Of one that only answers questions it is how many entries had their position.
    """

    name: str
    done: int
    of: int
    fate: str | None = None
    """What became of its open transaction; nothing where it had no work."""


async def kill_each(up: Whole, work: WorkDone, totals: Mapping[str, int]) -> list[Death]:
    """Kill every process in the middle of its work.

    One of which ``totals`` tells none is killed once there are entries to ask for.
    """
    names = [service.name for service in up.installation.layout.services()]
    async with asyncio.TaskGroup() as killing:
        deaths = {
            name: killing.create_task(_kill_at_work(up, work, name, totals[name]))
            for name in names
            if name in totals
        }
        await asyncio.wait([deaths[_PLACING]])
        others = [
            await _kill_beside(up, work, name, totals[_PLACING]) for name in names if name not in totals
        ]
    return [*[death.result() for death in deaths.values()], *others]


async def _kill_at_work(up: Whole, work: WorkDone, name: str, total: int) -> Death:
    async def has_done_its_share() -> bool:
        return await work.by(name) >= _SHARES[name] * total

    await until(has_done_its_share)
    running = up.installation.processes.running(name)
    async with asyncpg.create_pool(up.database_of(name), min_size=2, max_size=2) as database:
        transaction, done = None, 0
        while transaction is None:
            done = await work.by(name)
            assert done < total, f"{name} was through before it was caught at work"
            async with caught(name, running, database) as transaction:
                if transaction is not None:
                    _kill(up, name)
        # By now another process may have done the rest.
        return Death(name, done, total, await fate(transaction, database))


async def _kill_beside(up: Whole, work: WorkDone, name: str, total: int) -> Death:
    placed = await work.by(_PLACING)
    _kill(up, name)
    return Death(name, placed, total)


def _kill(up: Whole, name: str) -> None:
    processes = up.installation.processes
    processes.start([processes.kill(name)])
