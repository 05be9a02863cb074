# SPDX-License-Identifier: Apache-2.0
"""Connections to the service's own database, under the role of this process."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from cairn.ids import TenantId

Pool: TypeAlias = "asyncpg.Pool"
Connection: TypeAlias = "asyncpg.Connection | PoolConnectionProxy"

_numbers = count(1)

CONNECT_SECONDS = 10
STATEMENT_SECONDS = 60

SESSION = {
    # Every statement of a service goes by keys. Planned once a session, it must not be planned by the size
    # that a table happens to have then: a plan made while it was small would scan it for ever. Where keys
    # come as columns, `cross join lateral (... offset 0)` says which way round the join goes: row by row
    # of the keys; without the offset the planner may turn it about. And where several indexes begin with the
    # tenant, an order that only the wanted one has decides, since sorting is off as well.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",
    "enable_sort": "off",
    "timezone": "UTC",
    "jit": "off",
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "lock_timeout": "20s",
    "idle_in_transaction_session_timeout": "60s",
}


class Session(asyncpg.Connection):
    """A connection with a number: one that was made later has a higher one."""

    __slots__ = ("number",)

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.number = next(_numbers)


class Sessions:
    """The sessions in which something was read that a process keeps in mind.

    Whoever restores a database ends all sessions, so what was read in them may be of another database than
    what a new one sees. asyncpg replaces sessions by itself as well, now and then: then it is read once more.
    """

    def __init__(self) -> None:
        """Begin with nothing read."""
        self._newest = 0

    def renewed(self, connection: Connection) -> bool:
        """Tell whether a session is newer than all before: nothing that was read in those holds any more.

        One that is older and still there has seen no other database than the newest one.
        """
        number: int = connection.number  # type: ignore[union-attr]
        newer, self._newest = number > self._newest, max(number, self._newest)
        return newer


async def open_pool(url: str, size: int, *, name: str = "cairn") -> Pool:
    """Open up to ``size`` connections; ``name`` is how they show in ``pg_stat_activity``.

    Raises what asyncpg or the system raises when the database cannot be reached in 10 s.
    """
    return await asyncpg.create_pool(
        url,
        min_size=min(size, 1),
        max_size=size,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS + 5,
        server_settings={**SESSION, "application_name": name},
        connection_class=Session,
        reset=_leave,
    )


async def connect(url: str, *, name: str = "cairn") -> "asyncpg.Connection":
    """Open one connection of its own, for LISTEN or a job that holds one."""
    return await asyncpg.connect(
        url,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS + 5,
        server_settings={**SESSION, "application_name": name},
    )


async def _leave(_connection: object) -> None:
    """Leave a connection as it is: whatever is set, locked or seen here lasts for one transaction."""


@asynccontextmanager
async def transaction(pool: Pool, tenants: Iterable[TenantId]) -> AsyncIterator[Connection]:
    """Run a transaction that sees the rows of these tenants and of no other (I9).

    Row-level security reads the setting. It is made with the begin, since every round trip of a small
    transaction counts.
    """
    seen = ",".join(sorted(set(tenants))).replace("'", "''")
    async with pool.acquire() as connection:
        await connection.execute(f"begin; set local cairn.tenants = '{seen}'")
        try:
            yield connection
        except BaseException:
            if not connection.is_closed():
                await connection.execute("rollback")
            raise
        await connection.execute("commit")


async def see_tenants(connection: Connection, tenants: Iterable[TenantId]) -> None:
    """Let the current transaction see the rows of these tenants and of no other (I9).

    Row-level security reads the setting; outside a transaction it would last for no statement at all.
    """
    await connection.execute("select set_config('cairn.tenants', $1, true)", ",".join(sorted(set(tenants))))
