# SPDX-License-Identifier: Apache-2.0
"""The record in PostgreSQL, read one tenant at a time."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from cairn.ids import LearnerId, TenantId
from chassis.database import Pool, transaction
from services.records.app.names import Scope
from services.records.app.reading import Stretch
from services.records.domain.entry import read_statement
from services.records.domain.record import Recorded

_OF_LEARNER = """
select canonical, previous_hash, hash, position, recorded_at from records.entries_of($1, $2)
"""
# Two indexes of each table begin with the tenant. `at or above, in this order, the first` leaves only the
# one that has the order (chassis/database.py), where `equal` would leave the choice to the planner.
_ONE = """
select canonical, previous_hash, hash, position, recorded_at
from (
    select * from records.entry
    where entry.tenant = $1 and entry.entry_id >= $2
    order by entry.tenant, entry.entry_id
    limit 1
) as found
left join lateral (
    select placed.sequence, placed.position, placed.recorded_at from records.position as placed
    where placed.tenant = $1 and placed.learner = found.learner and placed.sequence >= found.sequence
    order by placed.tenant, placed.learner, placed.sequence
    limit 1
) as placed on placed.sequence = found.sequence
where found.entry_id = $2 and ($3::text is null or found.learner = $3)
"""
_EXTENT = "select length from records.extent where tenant = $1"
# Both read no further than the extent read before, so that a cursor set to it skips nothing.
_BEHIND = """
select canonical, previous_hash, hash, position, recorded_at
from records.position
cross join lateral (
    select entry.sequence, entry.canonical, entry.previous_hash, entry.hash from records.entry
    where entry.tenant = $1 and entry.learner = position.learner and entry.sequence >= position.sequence
    order by entry.tenant, entry.learner, entry.sequence
    limit 1
) as written
where position.tenant = $1 and position.position > $2 and position.position <= $3
    and written.sequence = position.sequence
order by position.tenant, position.position
limit $4
"""
_BEHIND_OF_LEARNER = """
select canonical, previous_hash, hash, position, recorded_at
from records.position
cross join lateral (
    select entry.sequence, entry.canonical, entry.previous_hash, entry.hash from records.entry
    where entry.tenant = $1 and entry.learner = $5 and entry.sequence >= position.sequence
    order by entry.tenant, entry.learner, entry.sequence
    limit 1
) as written
where position.tenant = $1 and position.learner = $5
    and position.position > $2 and position.position <= $3
    and written.sequence = position.sequence
order by position.tenant, position.learner, position.sequence
limit $4
"""


class PostgresRecords:
    """Reads as the role that serves: it can change nothing here."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def of_learner(self, tenant: TenantId, learner: LearnerId) -> Sequence[Recorded]:
        """Return all entries of a learner by sequence, with and without a position."""
        rows = await self._pool.fetch(_OF_LEARNER, tenant, learner)
        return [_recorded(row) for row in rows]

    async def one(self, scope: Scope, entry_id: UUID) -> Recorded | None:
        """Return an entry, if it is there and of this learner where the scope names one."""
        async with transaction(self._pool, [scope.tenant]) as connection:
            row = await connection.fetchrow(_ONE, scope.tenant, entry_id, scope.learner)
        return None if row is None else _recorded(row)

    async def behind(self, scope: Scope, position: int, most: int) -> Stretch:
        """Return the next entries behind a position."""
        async with transaction(self._pool, [scope.tenant]) as connection:
            extent = await connection.fetchval(_EXTENT, scope.tenant) or 0
            if position >= extent:
                return Stretch((), extent)
            wanted = scope.tenant, position, extent, most
            if scope.learner is None:
                rows = await connection.fetch(_BEHIND, *wanted)
            else:
                rows = await connection.fetch(_BEHIND_OF_LEARNER, *wanted, scope.learner)
        return Stretch(tuple(_recorded(row) for row in rows), extent)


def _recorded(row: Any) -> Recorded:
    return Recorded(
        statement=read_statement(row["canonical"].encode()),
        previous_hash=row["previous_hash"],
        hash=row["hash"],
        position=row["position"],
        recorded_at=row["recorded_at"],
    )
