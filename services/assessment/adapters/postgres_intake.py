# SPDX-License-Identifier: Apache-2.0
"""Statements, data keys and sealed payloads in PostgreSQL, written in bulk."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from cairn.ids import TenantId
from chassis.database import Connection
from services.assessment.app.intake import StatementKey, Verdict
from services.assessment.app.payloads import SealedPayload, Subject

_ENTER = """
insert into assessment.statement (tenant, result_id, digest, recorded_at)
select tenant, result_id, digest, $4
from unnest($1::text[], $2::uuid[], $3::bytea[]) as said (tenant, result_id, digest)
order by tenant collate "C", result_id
on conflict do nothing
returning tenant, result_id
"""
_KNOWN = """
select tenant, result_id, digest from assessment.statement
join unnest($1::text[], $2::uuid[]) as wanted (tenant, result_id) using (tenant, result_id)
"""
_LOAD_KEYS = """
select tenant, subject, wrapped from assessment.data_key
join unnest($1::text[], $2::text[]) as wanted (tenant, subject) using (tenant, subject)
"""
_ADD_KEYS = """
insert into assessment.data_key (tenant, subject, wrapped)
select tenant, subject, wrapped
from unnest($1::text[], $2::text[], $3::bytea[]) as made (tenant, subject, wrapped)
order by tenant collate "C", subject collate "C"
on conflict do nothing
"""
_STORE = """
insert into assessment.raw_payload (tenant, id, source, subject, received_at, sealed)
select tenant, id, source, subject, $6, sealed
from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::bytea[])
    as kept (tenant, id, source, subject, sealed)
order by tenant collate "C", id
on conflict do nothing
"""
_COUNT = """
insert into assessment.door_count (tenant, source, day, stored, duplicate, conflict, refused)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (tenant, source, day) do update set
    stored = door_count.stored + excluded.stored,
    duplicate = door_count.duplicate + excluded.duplicate,
    conflict = door_count.conflict + excluded.conflict,
    refused = door_count.refused + excluded.refused
"""


class PostgresStatements:
    """Keeps the identities of what sources have said."""

    async def enter(
        self, connection: Connection, digests: Mapping[StatementKey, bytes], at: datetime
    ) -> Mapping[StatementKey, bytes]:
        """Enter statements in the order of their keys; return the stored digests of those known before."""
        keys = sorted(digests)
        columns = [key[0] for key in keys], [key[1] for key in keys], [digests[key] for key in keys]
        entered = {(row[0], row[1]) for row in await connection.fetch(_ENTER, *columns, at)}
        before = [key for key in keys if key not in entered]
        if not before:
            return {}
        rows = await connection.fetch(_KNOWN, [key[0] for key in before], [key[1] for key in before])
        return {(TenantId(tenant), result_id): digest for tenant, result_id, digest in rows}


class PostgresPayloads:
    """Keeps wrapped data keys and sealed payloads."""

    async def load_keys(self, connection: Connection, subjects: Sequence[Subject]) -> dict[Subject, bytes]:
        """Return the wrapped keys of those subjects that have one."""
        rows = await connection.fetch(
            _LOAD_KEYS, [each[0] for each in subjects], [each[1] for each in subjects]
        )
        return {(TenantId(tenant), subject): wrapped for tenant, subject, wrapped in rows}

    async def add_keys(self, connection: Connection, wrapped: Mapping[Subject, bytes]) -> None:
        """Add wrapped keys in the order of their subjects; a subject that has one keeps it."""
        order = sorted(wrapped)
        columns = [each[0] for each in order], [each[1] for each in order], [wrapped[each] for each in order]
        await connection.execute(_ADD_KEYS, *columns)

    async def store(self, connection: Connection, payloads: Sequence[SealedPayload], at: datetime) -> None:
        """Store payloads; one that is stored already stays as it is."""
        await connection.execute(
            _STORE,
            [each.subject[0] for each in payloads],
            [each.id for each in payloads],
            [each.source for each in payloads],
            [each.subject[1] for each in payloads],
            [each.sealed for each in payloads],
            at,
        )


async def count_at_door(
    connection: Connection, tenant: TenantId, source: str, day: date, verdicts: Mapping[Verdict, int]
) -> None:
    """Add the verdicts of one request to the counts of its source and day (I3)."""
    await connection.execute(_COUNT, tenant, source, day, *(verdicts.get(verdict, 0) for verdict in Verdict))
