# SPDX-License-Identifier: Apache-2.0
"""A transaction in which nothing is asked for too long, told from a database that is not there."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from cairn.ids import TenantId
from chassis import database
from chassis.database import Connection, Pool, open_pool, transaction
from chassis.errors import Reject
from chassis.sqlstate import OUTSIDE, LeftIdle
from tests.integration.chassis.probe.running import Probe

_IDLE_SECONDS = 2.0
TENANT = TenantId("probe-a")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "IDLE_SECONDS", _IDLE_SECONDS)


async def test_a_transaction_that_was_left_idle_is_told_from_a_lost_connection(
    probe: Probe, admin: asyncpg.Connection
) -> None:
    async def think(connection: Connection) -> None:
        time.sleep(_IDLE_SECONDS + 0.5)  # noqa: ASYNC251 - as a handler does
        await connection.execute("select 1")

    async def think_in_turns(_connection: Connection) -> None:
        await asyncio.sleep(_IDLE_SECONDS + 0.5)

    async def lose(connection: Connection) -> None:
        pid = await connection.fetchval("select pg_backend_pid()")
        await admin.execute("select pg_terminate_backend($1)", pid)
        await connection.execute("select 1")

    async def wait_for_an_answer(connection: Connection) -> None:
        await connection.execute("set local statement_timeout = '2500ms'")
        await connection.execute("select pg_sleep(60)")

    async def wait_for_an_answer_after_a_thought(connection: Connection) -> None:
        time.sleep(_IDLE_SECONDS * 0.75)  # noqa: ASYNC251 - as a handler does
        await connection.execute("set local statement_timeout = '100ms'")
        time.sleep(_IDLE_SECONDS * 0.75)  # noqa: ASYNC251
        await connection.execute("select pg_sleep(60)")

    for thought in (think, think_in_turns):
        assert isinstance(await _error_of(probe, thought), LeftIdle)
    for outage in (lose, wait_for_an_answer, wait_for_an_answer_after_a_thought):
        error = await _error_of(probe, outage)
        assert isinstance(error, OUTSIDE)
        assert not isinstance(error, LeftIdle)


async def test_what_is_raised_after_too_long_a_thought_is_not_hidden(probe: Probe) -> None:
    async def raise_(_connection: Connection) -> None:
        time.sleep(_IDLE_SECONDS + 0.5)  # noqa: ASYNC251 - as a handler thinks
        raise Reject("no")

    assert isinstance(await _error_of(probe, raise_), Reject)


async def _error_of(probe: Probe, act: Callable[[Connection], Awaitable[None]]) -> Exception:
    """Return what comes out of a transaction; the pool that it was of is of use afterwards."""
    async with await open_pool(probe.consume, 1) as pool:
        with pytest.raises(Exception) as caught:  # noqa: PT011 - told by whoever asks
            await _transact(pool, act)
        async with transaction(pool, [TENANT]) as connection:
            assert await connection.fetchval("select 1") == 1
    return caught.value


async def _transact(pool: Pool, act: Callable[[Connection], Awaitable[None]]) -> None:
    async with transaction(pool, [TENANT]) as connection:
        await act(connection)
