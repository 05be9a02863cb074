# SPDX-License-Identifier: Apache-2.0
"""Connections to the service's own database, under the role of this process."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TypeAlias

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

from cairn.ids import TenantId
from chassis.errors import Reject
from chassis.session import Session
from chassis.sqlstate import LOST, OUTSIDE, LeftIdle

log = structlog.get_logger()
Pool: TypeAlias = "asyncpg.Pool"
Connection: TypeAlias = "asyncpg.Connection | PoolConnectionProxy"

OLDEST_MAJOR = 15
PROVEN_MAJOR = 17
"""Before that no index has an order behind `= any`: some of what goes by keys reads all of a tenant."""
CONNECT_SECONDS = 10
STATEMENT_SECONDS = 60
IDLE_SECONDS = 60.0
"""For how long nothing may be asked in a transaction: then the server ends it, which frees its locks."""

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
}


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

    Raises what asyncpg or the system raises when the database cannot be reached in 10 s, and Reject where it
    is too old.
    """
    pool = await asyncpg.create_pool(
        url,
        min_size=min(size, 1),
        max_size=size,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS + 5,
        server_settings=_settings(name),
        connection_class=Session,
        reset=_leave,
    )
    try:
        async with pool.acquire() as connection:
            check_version(connection)
    except BaseException:
        pool.terminate()
        raise
    return pool


def check_version(connection: Connection) -> None:
    """Raise Reject naming the version found and the one needed, where a database is too old.

    One that is old enough to be slow is warned of.
    """
    found = connection.get_server_version()
    told = f"{found.major}.{found.micro}"  # asyncpg's minor is that of versions before 10, as 9.6
    if found.major < OLDEST_MAJOR:
        raise Reject(f"must be of PostgreSQL {OLDEST_MAJOR} or newer, and is of {told}", "DATABASE_URL")
    if found.major < PROVEN_MAJOR:
        log.warning("old database: some statements read all of a tenant", found=told, wanted=PROVEN_MAJOR)


async def connect(url: str, *, name: str = "cairn") -> "asyncpg.Connection":
    """Open one connection of its own, for LISTEN or a job that holds one."""
    return await asyncpg.connect(
        url,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS + 5,
        server_settings=_settings(name),
    )


def _settings(name: str) -> dict[str, str]:
    idle = f"{IDLE_SECONDS * 1000:.0f}ms"
    return {**SESSION, "idle_in_transaction_session_timeout": idle, "application_name": name}


async def _leave(_connection: object) -> None:
    """Leave a connection as it is: whatever is set, locked or seen here lasts for one transaction."""


@asynccontextmanager
async def transaction(pool: Pool, tenants: Iterable[TenantId]) -> AsyncIterator[Connection]:
    """Run a transaction that sees the rows of these tenants and of no other (I9).

    Row-level security reads the setting. It is made with the begin, since every round trip of a small
    transaction counts. Raises LeftIdle where the server has ended it because nothing was asked in it.
    """
    seen = ",".join(sorted(set(tenants))).replace("'", "''")
    async with pool.acquire() as connection:
        await connection.execute(f"begin; set local cairn.tenants = '{seen}'")
        # Asked for at once: the pool lets go of a session that is lost.
        idle: Callable[[], float] = connection.idle  # type: ignore[attr-defined]
        try:
            with _ended_if_idle(idle):
                yield connection
        except BaseException:
            await _roll_back(connection)
            raise
        with _ended_if_idle(idle):
            await connection.execute("commit")


def check_open(connection: Connection) -> None:
    """Raise what a statement would raise where the connection is lost, by whatever cause."""
    if connection.is_closed():  # raises by itself where the pool has let go of it
        raise asyncpg.InterfaceError("connection is closed")


@contextmanager
def _ended_if_idle(idle: Callable[[], float]) -> Iterator[None]:
    """Tell a transaction that was left idle from a database that is not there: both are a lost connection.

    The server counts from its last answer, which may have come well before it was looked at.
    """
    try:
        yield
    except LOST as error:
        told = isinstance(error, asyncpg.IdleInTransactionSessionTimeoutError)
        waited_for = isinstance(error, (TimeoutError, asyncpg.DataError))
        if told or (idle() > IDLE_SECONDS / 2 and not waited_for):
            raise LeftIdle(idle()) from error
        raise


async def _roll_back(connection: Connection) -> None:
    try:
        await connection.execute("rollback")
    except OUTSIDE:
        # There is nothing to roll back, or nobody knows; what is to be told is what ended the transaction.
        with suppress(asyncpg.InterfaceError):
            connection.terminate()


async def see_tenants(connection: Connection, tenants: Iterable[TenantId]) -> None:
    """Let the current transaction see the rows of these tenants and of no other (I9).

    Row-level security reads the setting; outside a transaction it would last for no statement at all.
    """
    await connection.execute("select set_config('cairn.tenants', $1, true)", ",".join(sorted(set(tenants))))
