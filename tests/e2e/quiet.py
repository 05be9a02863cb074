# SPDX-License-Identifier: Apache-2.0
"""Waits until nothing moves any more: consumed, sent, placed, told and scanned is all that there is."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import asyncpg

from tests.e2e.topics import ends

CONSUMED = {
    "assessment": ("assessment.results.v1", "assessment.reevaluations.v1"),
    "recognition": ("competency.events.v1", "recognition.reevaluations.v1"),
    "records": ("recognition.decisions.v1",),
}
"""What each service consumes, besides the ingest topics of assessment."""
SCHEDULED = ("assessment", "recognition")
_UNTOLD = {
    "timers": "select count(*) from chassis.due where told_at is null and at <= now()",
    "scans": "select count(*) from chassis.scan where finished_at is null and not paused",
}
_BETWEEN_LOOKS = 0.25
_BETWEEN_QUESTIONS = 0.1


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds that can only be asked about."""
    while not await holds():  # noqa: ASYNC110 -- other processes set no event here
        await asyncio.sleep(_BETWEEN_QUESTIONS)


class StillMovingError(AssertionError):
    """Something was still under way when the time was over; the message says what."""


async def wait_until_quiet(
    bootstrap: str, databases: Mapping[str, str], ingest: tuple[str, ...], within: float
) -> None:
    """Wait until two looks in a row see nothing under way.

    One look could miss what moves between two services while they are looked at in turn.
    """
    deadline = time.monotonic() + within
    quiet = 0
    while quiet < 2:
        waiting = await _under_way(bootstrap, databases, ingest)
        quiet = 0 if waiting else quiet + 1
        if waiting and time.monotonic() > deadline:
            raise StillMovingError("; ".join(waiting))
        await asyncio.sleep(_BETWEEN_LOOKS)


async def _under_way(bootstrap: str, databases: Mapping[str, str], ingest: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    for service, topics in CONSUMED.items():
        connection = await asyncpg.connect(databases[service])
        try:
            for topic in (*ingest, *topics) if service == "assessment" else topics:
                found += await _unread(connection, bootstrap, topic)
            found += await _unsent(connection, service)
        finally:
            await connection.close()
    return found


async def _unread(connection: asyncpg.Connection, bootstrap: str, topic: str) -> list[str]:
    rows = await connection.fetch("select partition, next_offset from chassis.fence where topic = $1", topic)
    read = {row["partition"]: row["next_offset"] for row in rows}
    end = await ends(bootstrap, topic)
    unread = sum(offset - read.get(partition, 0) for partition, offset in end.items())
    return [f"{unread} records of {topic} are unread"] if unread else []


async def _unsent(connection: asyncpg.Connection, service: str) -> list[str]:
    waiting = {
        "outbox": "select count(*) from chassis.outbox",
        "replays": "select count(*) from chassis.replay where done_at is null",
    }
    if service in SCHEDULED:
        waiting |= _UNTOLD
    if service == "records":
        waiting["queue for a position"] = "select count(*) from records.unsequenced"
    counts = {name: int(await connection.fetchval(query)) for name, query in waiting.items()}
    return [f"{count} rows in the {name} of {service}" for name, count in counts.items() if count]
