# SPDX-License-Identifier: Apache-2.0
"""Gives entries their positions in PostgreSQL: one statement, gapless, in one sequencer's term."""

from datetime import timedelta

from chassis import metrics
from chassis.database import Connection, Pool
from chassis.metric_catalogue import POSITION_DELAY, UNPOSITIONED
from chassis.operations.standing import Series
from chassis.relay.lease import Lease, check_lease, give_back, take_lease

_LEASE = "sequencer"

# Rows that another transaction has not committed yet are simply not there and come later; a
# learner's own come in order, because they were written under the learner's lock.
_SEQUENCE = """
with next as (
    select id from records.unsequenced order by id limit $1
), taken as (
    delete from records.unsequenced using next where unsequenced.id = next.id
    returning unsequenced.id, tenant, learner, sequence, written_at
), counted as (
    select tenant, count(*) as entries from taken group by tenant
), extended as (
    insert into records.extent (tenant, length, recorded_at)
    select tenant, entries, clock_timestamp() from counted order by tenant
    on conflict (tenant) do update
        set length = extent.length + excluded.length,
            recorded_at = greatest(extent.recorded_at, excluded.recorded_at)
    returning tenant, length, recorded_at
), placed as (
    insert into records.position (tenant, position, learner, sequence, recorded_at)
    select tenant, length - entries + row_number() over (partition by tenant order by id),
           learner, sequence, recorded_at
    from taken join counted using (tenant) join extended using (tenant)
)
select count(*), extract(epoch from clock_timestamp() - min(written_at))::float8 from taken
"""
_UNPOSITIONED = "select records.unpositioned()"
_WAKE = "select pg_notify('cairn_positions', '')"


class PostgresPositions:
    """The positions of all tenants, under one lease."""

    def __init__(self, pool: Pool, holder: str, length: timedelta) -> None:
        self._pool = pool
        self._holder = holder
        self._length = length

    async def take(self) -> Lease | None:
        """Become or stay the sequencer; None while another process is."""
        async with self._pool.acquire() as connection:
            return await take_lease(connection, _LEASE, self._holder, self._length)

    async def give_back(self, lease: Lease) -> None:
        """Let another process go on at once."""
        async with self._pool.acquire() as connection:
            await give_back(connection, lease)

    async def sequence(self, lease: Lease, most: int) -> int:
        """Give the next entries their positions; return how many there were.

        Raises Conflict when the lease has passed on; nothing has then happened.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await check_lease(connection, lease)
            return await _sequence(connection, most)


async def _sequence(connection: Connection, most: int) -> int:
    count, slowest = await connection.fetchrow(_SEQUENCE, most) or (0, 0.0)
    if count:
        metrics.record(POSITION_DELAY, slowest)
        await connection.execute(_WAKE)
    return int(count)


async def unpositioned(connection: Connection) -> Series:
    """Return how many entries wait for a position, as a metric."""
    return {UNPOSITIONED: {(): await connection.fetchval(_UNPOSITIONED)}}
