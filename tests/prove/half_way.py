# SPDX-License-Identifier: Apache-2.0
"""Killing who carries a publication, each with the scan under way."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence

import asyncpg

from tests.prove.ground import Ground
from tests.prove.processes import RE_EVALUATING, SCHEDULING, second_of
from tests.prove.workers import process_of

CARRIERS = tuple(zip(SCHEDULING, map(second_of, RE_EVALUATING), RE_EVALUATING, strict=True))
"""Of each service that re-evaluates: who scans, takes re-evaluations alone, takes facts as well."""
_SCANNED_SECONDS = 120.0
_LOOK_SECONDS = 0.05
_LEARNERS = "select count(*) from chassis.learner"
_SCANNED = """
select looked_at, finished_at is not null from chassis.scan join chassis.rule_epoch using (tenant, epoch)
"""


async def kill_half_way(ground: Ground, hit: Counter[str], what: str) -> None:
    """Kill the carriers of both services, each with the scan under way."""
    async with asyncio.TaskGroup() as killing:
        for names in CARRIERS:
            killing.create_task(_kill_by_quarters(ground, names, hit, what))


async def _kill_by_quarters(ground: Ground, names: Sequence[str], hit: Counter[str], what: str) -> None:
    """Kill one after each quarter of the learners whom there were at the publication."""
    connection = await asyncpg.connect(ground.up.database_of(names[0]))
    try:
        learners = await connection.fetchval(_LEARNERS)
        for quarters, name in enumerate(names, start=1):
            half_way = await _scanned(connection, learners * quarters // 4)
            ground.inflicted.kill(await process_of(ground, name))
            hit[f"{what}: killed half-way through a publication ({name})"] += half_way
    finally:
        await connection.close()


async def _scanned(connection: asyncpg.Connection, learners: int) -> bool:
    """Wait until so many learners are scanned; tell whether the scan still goes on."""
    looked_at, finished, deadline = 0, False, time.monotonic() + _SCANNED_SECONDS
    while looked_at < learners and not finished:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_LOOK_SECONDS)
        looked_at, finished = await connection.fetchrow(_SCANNED) or (0, False)
    return not finished
