# SPDX-License-Identifier: Apache-2.0
"""Whether a fault has met work: a fault that comes in a pause proves nothing."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping

import asyncpg

from deploy.local.database import Database
from tests.prove.consumers import Consumer
from tests.prove.ground import LOGS, Ground
from tests.prove.processes import RELAYING, consumer_of

# Sessions of consumers and relays that have written something and not committed it.
_UNCOMMITTED = r"""
select count(*) from pg_stat_activity
where backend_xid is not null and usename ~ '^cairn_[a-z]+_(consume|relay)$'
"""
_WORK_COMES_SECONDS = 10.0
_LOOK_SECONDS = 0.01
# What was down before may first have to start again, and read all that has come meanwhile.
_TAKEN_SECONDS = 60.0
_BETWEEN_COUNTS = 0.25
_PROGRESS = "select coalesce(sum(next_offset), 0) from chassis.fence where consumer = $1"
_COUNTED = """
select coalesce(sum((to_jsonb(fence) ->> $2)::bigint), 0) from chassis.fence where consumer = $1
"""
_TERMS = "select coalesce(sum(term), 0) from chassis.lease where name like 'relay/%'"
_RE_EVALUATED = """
select coalesce(sum(next_offset), 0) from chassis.fence where topic like '%.reevaluations.v1'
"""
# The server's own words for ENOSPC (SQLSTATE 53100), which its log has without the code.
_NO_SPACE = "No space left on device"


async def amid_work(ground: Ground) -> bool:
    """Wait for work that is done and not committed; tell whether there was any."""
    connection = await asyncpg.connect(ground.up.databases["assessment"])
    deadline = time.monotonic() + _WORK_COMES_SECONDS
    try:
        while not await connection.fetchval(_UNCOMMITTED):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        await connection.close()
    return True


async def progress(ground: Ground, process: str) -> int:
    """Return how far a consumer has come, whoever works for it, or how often a relay's leases moved."""
    if process in RELAYING:
        return await _value(ground, process, _TERMS)
    return await _value(ground, process, _PROGRESS, consumer_of(process))


async def progresses(ground: Ground, process: str, before: int, deadline: float) -> bool:
    """Wait until a consumer or relay has come further than before; tell whether it has."""

    async def has() -> bool:
        return await progress(ground, process) > before

    return await comes(has, deadline)


async def comes(holds: Callable[[], Awaitable[bool]], deadline: float) -> bool:
    """Ask until something holds, at least once and at most until a deadline; tell whether it holds."""
    while not await holds():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_BETWEEN_COUNTS)
    return True


async def counted(ground: Ground, consumer: Consumer, outcome: str) -> int:
    """Return how many records are counted to have ended in one way at a consumer."""
    connection = await asyncpg.connect(ground.up.databases[consumer.service])
    try:
        return int(await connection.fetchval(_COUNTED, consumer.name, outcome))
    finally:
        await connection.close()


async def counted_more(ground: Ground, before: Mapping[Consumer, int], outcome: str) -> bool:
    """Wait until each consumer counts more of an outcome than before; tell whether all do."""

    async def all_have() -> bool:
        return all([await counted(ground, each, outcome) > count for each, count in before.items()])

    return await comes(all_have, time.monotonic() + _TAKEN_SECONDS)


async def re_evaluated(ground: Ground, process: str) -> int:
    """Return how many re-evaluations the service of a process has taken."""
    return await _value(ground, process, _RE_EVALUATED)


async def assigned_more(ground: Ground, process: str, before: int) -> bool:
    """Wait until a process has been assigned partitions more often than before; tell whether it has."""

    async def has() -> bool:
        return assignments(ground, process) > before

    return await comes(has, time.monotonic() + _WORK_COMES_SECONDS)


def assignments(ground: Ground, process: str) -> int:
    """Return how often a process has been assigned partitions, by what it has said since it began."""
    log = (ground.folder / LOGS / f"{process}.log").read_bytes()
    return assignments_in(log[ground.up.installation.processes.begins(process) :])


def assignments_in(log: bytes) -> int:
    """Return how often the condition of being assigned came to hold by a log; not all of it need be JSON."""
    lines = log.decode(errors="replace").splitlines()
    said = (json.loads(line) for line in lines if line.startswith("{") and line.endswith("}"))
    return sum(each.get("name") == "assigned" and each.get("holds") is True for each in said)


def refusals(database: Database) -> int:
    """Return how often the server has found its disk full."""
    return database.log.read_text(encoding="utf-8", errors="replace").count(_NO_SPACE)


async def _value(ground: Ground, process: str, query: str, *given: str) -> int:
    connection = await asyncpg.connect(ground.up.database_of(process))
    try:
        return int(await connection.fetchval(query, *given))
    finally:
        await connection.close()
