# SPDX-License-Identifier: Apache-2.0
"""Connections to the service's own database, under the role of this process."""

from collections.abc import Iterable
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from cairn.ids import TenantId

Pool: TypeAlias = "asyncpg.Pool"
Connection: TypeAlias = "asyncpg.Connection | PoolConnectionProxy"

CONNECT_SECONDS = 10
STATEMENT_SECONDS = 60

SESSION = {
    # A generic plan made while a table was small scans it for ever after (measured.md, pipeline.md 6.1).
    "plan_cache_mode": "force_custom_plan",
    "timezone": "UTC",
    "jit": "off",
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "lock_timeout": "20s",
    "idle_in_transaction_session_timeout": "60s",
}


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
    )


async def connect(url: str, *, name: str = "cairn") -> "asyncpg.Connection":
    """Open one connection of its own, for LISTEN or a job that holds one."""
    return await asyncpg.connect(
        url,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS + 5,
        server_settings={**SESSION, "application_name": name},
    )


async def see_tenants(connection: Connection, tenants: Iterable[TenantId]) -> None:
    """Let the current transaction see the rows of these tenants and of no other (I9).

    Row-level security reads the setting; outside a transaction it would last for no statement at all.
    """
    await connection.execute("select set_config('cairn.tenants', $1, true)", ",".join(sorted(set(tenants))))
