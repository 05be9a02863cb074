# SPDX-License-Identifier: Apache-2.0
"""Statements, data keys and sealed payloads in PostgreSQL, written in bulk."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

from cairn.ids import TenantId
from chassis.database import Connection
from chassis.unit.writes import Writes
from services.assessment.app.intake import StatementKey
from services.assessment.app.payloads import SealedPayload, Subject

# Told are those that are not new, which are few.
_ENTER = """
with said as (
    select * from unnest($1::text[], $2::uuid[], $3::bytea[]) as said (tenant, result_id, digest)
), entered as (
    insert into assessment.statement (tenant, result_id, digest, recorded_at)
    select tenant, result_id, digest, $4 from said
    order by tenant collate "C", result_id
    on conflict do nothing
    returning tenant, result_id
)
select tenant collate "C", result_id from said except select tenant, result_id from entered
"""
_KNOWN = """
select wanted.tenant, wanted.result_id::text, stored.digest
from unnest($1::text[], $2::uuid[]) as wanted (tenant, result_id)
cross join lateral (
    select digest from assessment.statement
    where statement.tenant = wanted.tenant and statement.result_id = wanted.result_id
    offset 0
) as stored
"""
_FIND_KEYS = """
select wanted.tenant, wanted.subject, stored.wrapped
from unnest($1::text[], $2::text[]) as wanted (tenant, subject)
cross join lateral (
    select wrapped from assessment.data_key
    where data_key.tenant = wanted.tenant and data_key.subject = wanted.subject
    offset 0
) as stored
"""
_MAKE_KEYS = """
insert into assessment.data_key (tenant, subject, wrapped)
select tenant, subject, wrapped
from unnest($1::text[], $2::text[], $3::bytea[]) with ordinality as made (tenant, subject, wrapped, place)
order by place
on conflict do nothing
returning tenant, subject, wrapped
"""
_FIND = "select source, subject, sealed from assessment.raw_payload where tenant = $1 and id = $2"
_STORE = """
insert into assessment.raw_payload (tenant, id, source, subject, received_at, sealed)
select tenant, id, source, subject, $6, sealed
from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::bytea[])
    as kept (tenant, id, source, subject, sealed)
order by tenant collate "C", id
on conflict do nothing
"""


class PostgresStatements:
    """Keeps the identities of what sources have said."""

    async def enter(
        self, connection: Connection, digests: Mapping[StatementKey, bytes], at: datetime
    ) -> Mapping[StatementKey, bytes]:
        """Enter statements in the order of their keys; return the stored digests of those known before."""
        keys = sorted(digests)
        columns = [key[0] for key in keys], [key[1] for key in keys], [digests[key] for key in keys]
        before = await connection.fetch(_ENTER, *columns, at)
        if not before:
            return {}
        rows = await connection.fetch(_KNOWN, [row[0] for row in before], [row[1] for row in before])
        return {(TenantId(tenant), result_id): digest for tenant, result_id, digest in rows}


class PostgresPayloads:
    """Keeps wrapped data keys and sealed payloads."""

    async def find_keys(self, connection: Connection, subjects: AbstractSet[Subject]) -> dict[Subject, bytes]:
        """Return the wrapped key of each subject that has one."""
        order = sorted(subjects)
        columns = [each[0] for each in order], [each[1] for each in order]
        return _by_subject(await connection.fetch(_FIND_KEYS, *columns))

    async def make_keys(
        self, connection: Connection, offered: Mapping[Subject, bytes]
    ) -> dict[Subject, bytes]:
        """Return the wrapped key of each subject; one that has none yet gets the key offered for it.

        Rows are made in the order of their subjects.
        """
        order = sorted(offered)
        columns = [each[0] for each in order], [each[1] for each in order], [offered[each] for each in order]
        made = _by_subject(await connection.fetch(_MAKE_KEYS, *columns))
        # A row that another intake committed meanwhile is seen by the next statement only.
        others = offered.keys() - made.keys()
        return made | await self.find_keys(connection, others) if others else made

    async def find(self, connection: Connection, tenant: TenantId, payload: str) -> SealedPayload | None:
        """Return a payload, if it is there."""
        row = await connection.fetchrow(_FIND, tenant, payload)
        if row is None:
            return None
        return SealedPayload(payload, row["source"], (tenant, row["subject"]), row["sealed"])

    def store(self, writes: Writes, payloads: Sequence[SealedPayload], at: datetime) -> None:
        """Store payloads; one that is stored already stays as it is."""
        writes.add(
            _STORE,
            [each.subject[0] for each in payloads],
            [each.id for each in payloads],
            [each.source for each in payloads],
            [each.subject[1] for each in payloads],
            [each.sealed for each in payloads],
            at,
        )


def _by_subject(rows: Iterable[Any]) -> dict[Subject, bytes]:
    return {(TenantId(tenant), subject): wrapped for tenant, subject, wrapped in rows}
