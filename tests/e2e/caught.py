# SPDX-License-Identifier: Apache-2.0
"""Catches a process with a transaction open in which it has written and not committed.

For a consumer and a door that is between effects and progress, for a relay between sending and noting
that it has sent. Consumers are frozen, and let go on unless they stand so. The others, whose last step
is what matters, meet a row that is held before them.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from deploy.local.running import Running
from tests.e2e.quiet import until

_SESSIONS = {
    "assessment-consume-intake": "cairn-intake",
    "assessment-consume-results": "cairn-results",
    "recognition-consume": "cairn-recognition",
    "records-consume": "cairn-records",
}
"""What the sessions of a process are called in the database, where that is not its own name."""
_UNSENT = "select id from chassis.outbox order by id desc limit 1 for update skip locked"
_UNPLACED = "select id from records.unsequenced order by id desc limit 1 for update skip locked"
_COUNTED = "select 1 from assessment.door_count limit 1 for update skip locked"
_WRITTEN_LAST = {
    "assessment-serve": _COUNTED,
    "assessment-relay": _UNSENT,
    "recognition-relay": _UNSENT,
    "records-relay": _UNSENT,
    "records-schedule": _UNPLACED,
}
"""A row that a process takes away or counts in once all else is done."""
_STATES = """
select state, wait_event_type, backend_xid::text from pg_stat_activity
where datname = current_database() and application_name = $1
"""
_END = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where backend_xid::text = $1"
_FATE = "select pg_xact_status($1::text::xid8)"
_SOON = 0.005
_STILL_ACTIVE_SECONDS = 0.5
# A statement that was sent before the freeze is seen only once the server has been given a core.
_UNREAD_SECONDS = 0.3
_HELD_SECONDS = 5.0
_ENDED_SECONDS = 10.0


@asynccontextmanager
async def caught(name: str, running: Running, database: asyncpg.Pool) -> AsyncIterator[str | None]:
    """Yield the open transaction of a process that goes no further meanwhile, or nothing: try again."""
    if name in _WRITTEN_LAST:
        async with database.acquire() as holder, holder.transaction():
            held = await holder.fetchval(_WRITTEN_LAST[name])
            transaction = None if held is None else await _waiting(name, database)
            yield transaction
            # Else a statement that was sent already would be carried out, on nobody's behalf any more.
            await database.execute(_END, transaction)
    else:
        process = running.process()
        assert process is not None, name
        process.suspend()
        transaction = await _open(name, database)
        yield transaction
        if transaction is None:
            process.resume()
    await asyncio.sleep(random.uniform(_SOON / 5, _SOON * 4))


async def fate(transaction: str, database: asyncpg.Pool) -> str:
    """Wait until a transaction has ended and say how: ``aborted`` or ``committed``."""

    async def ended() -> bool:
        return bool(await database.fetchval(_FATE, transaction) != "in progress")

    async with asyncio.timeout(_ENDED_SECONDS):
        await until(ended)
    return str(await database.fetchval(_FATE, transaction))


async def _waiting(name: str, database: asyncpg.Pool) -> str | None:
    """Return the transaction that waits for a held row."""
    deadline = time.monotonic() + _HELD_SECONDS
    while time.monotonic() < deadline:
        for _, wait, transaction in await _states(name, database):
            if wait == "Lock" and transaction is not None:
                return transaction
        await asyncio.sleep(_SOON)
    return None


async def _open(name: str, database: asyncpg.Pool) -> str | None:
    """Return the transaction that waits for a frozen process, and goes on waiting."""
    found = await _idle(name, database)
    if found is None:
        return None
    await asyncio.sleep(_UNREAD_SECONDS)
    return found if await _idle(name, database) == found else None


async def _idle(name: str, database: asyncpg.Pool) -> str | None:
    """Return the transaction that waits for its process, once none of its statements runs."""
    deadline = time.monotonic() + _STILL_ACTIVE_SECONDS
    states = await _states(name, database)
    while any(state == "active" for state, _, _ in states) and time.monotonic() < deadline:
        states = await _states(name, database)
    return next((xid for state, _, xid in states if state == "idle in transaction" and xid is not None), None)


async def _states(name: str, database: asyncpg.Pool) -> list[tuple[str, str | None, str | None]]:
    rows = await database.fetch(_STATES, _SESSIONS.get(name, f"cairn-{name}"))
    return [(row[0], row[1], row[2]) for row in rows]
