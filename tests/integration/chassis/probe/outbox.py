# SPDX-License-Identifier: Apache-2.0
"""The probe's outbox, filled without a unit of work, and what a relay has left in it."""

from collections.abc import Sequence

import asyncpg

from cairn.ids import TenantId
from chassis.database import Pool, see_tenants
from chassis.unit.outbox import Outgoing, headers_text, partition_of
from tests.integration.chassis.probe.feed import write_rows
from tests.integration.chassis.probe.running import PARTITIONS, Probe

TENANT = TenantId("probe-a")


async def write(pool: Pool, probe: Probe, numbers: range) -> None:
    """Write outbox rows of five keys, numbered."""
    rows = []
    for number in numbers:
        key = f"probe-a/l{number % 5}".encode()
        partition = partition_of(key, PARTITIONS)
        headers = headers_text([("ce_id", str(number).encode()), ("raw", b"\xff\x00")])
        rows.append(Outgoing(TENANT, probe.published, partition, key, headers, str(number).encode()))
    await write_outbox(pool, rows)


async def write_values(pool: Pool, topic: str, values: Sequence[bytes]) -> None:
    """Write outbox rows of one key for the first partition of a topic."""
    await write_outbox(pool, [Outgoing(TENANT, topic, 0, b"probe-a/l1", "[]", value) for value in values])


async def write_outbox(pool: Pool, rows: Sequence[Outgoing]) -> None:
    """Write outbox rows in one transaction."""
    async with pool.acquire() as connection, connection.transaction():
        await see_tenants(connection, [TENANT])
        await write_rows(connection, rows)


async def left(probe: Probe) -> list[str]:
    """Return the topic of every row that is not published."""
    connection = await asyncpg.connect(probe.admin)
    try:
        return [row["topic"] for row in await connection.fetch("select topic from chassis.outbox")]
    finally:
        await connection.close()


async def empty(probe: Probe) -> bool:
    """Tell whether everything is published."""
    return await left(probe) == []
