# SPDX-License-Identifier: Apache-2.0
"""The counts of the HTTP door in PostgreSQL: how each event of a source and day ended (I3)."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple, TypeAlias

from cairn.ids import TenantId
from chassis.database import Connection
from chassis.operations.doors import DoorCount
from chassis.unit.writes import Writes
from services.assessment.app.intake import Verdict

SourceKey: TypeAlias = tuple[TenantId, str]
_COUNT = """
insert into assessment.door_count (tenant, source, day, stored, duplicate, conflict, refused)
select tenant, source, $3, stored, duplicate, conflict, refused
from unnest($1::text[], $2::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
    with ordinality as counted (tenant, source, stored, duplicate, conflict, refused, place)
order by place
on conflict (tenant, source, day) do update set
    stored = door_count.stored + excluded.stored,
    duplicate = door_count.duplicate + excluded.duplicate,
    conflict = door_count.conflict + excluded.conflict,
    refused = door_count.refused + excluded.refused
"""
_COUNT_REFUSALS = """
insert into assessment.door_refusal (tenant, source, day, reason, refused)
select tenant, source, $3::date, reason, refused
from unnest($1::text[], $2::text[], $4::text[], $5::bigint[])
    with ordinality as counted (tenant, source, reason, refused, place)
order by place
on conflict (tenant, source, day, reason) do update set refused = door_refusal.refused + excluded.refused
"""
_SINCE = """
select source, day, stored, duplicate, conflict, refused from assessment.door_count
where tenant = $1 and day >= $2
order by source, day
"""
_REFUSALS_SINCE = """
select source, day, reason, refused from assessment.door_refusal
where tenant = $1 and day >= $2
order by source, day, refused desc, reason
"""


class RefusalKey(NamedTuple):
    """Whose events were refused, and why."""

    tenant: TenantId
    source: str
    reason: str


def count_at_door(
    writes: Writes,
    day: date,
    counts: Mapping[SourceKey, Mapping[Verdict, int]],
    refusals: Mapping[RefusalKey, int],
) -> None:
    """Add verdicts to the counts of their source and day, and refusals by reason, in the order of keys."""
    order = sorted(counts)
    verdicts = [[counts[key].get(verdict, 0) for key in order] for verdict in Verdict]
    writes.add(_COUNT, [key[0] for key in order], [key[1] for key in order], day, *verdicts)
    if refusals:
        reasons = sorted(refusals)
        writes.add(
            _COUNT_REFUSALS,
            [key.tenant for key in reasons],
            [key.source for key in reasons],
            day,
            [key.reason for key in reasons],
            [refusals[key] for key in reasons],
        )


class PostgresDoor:
    """Tells what the door has counted."""

    async def since(self, connection: Connection, tenant: TenantId, day: date, /) -> Sequence[DoorCount]:
        """Return the tenant's counts from a day on, by source and day."""
        refusals: dict[tuple[str, date], dict[str, int]] = {}
        for source, at, reason, refused in await connection.fetch(_REFUSALS_SINCE, tenant, day):
            refusals.setdefault((source, at), {})[reason] = refused
        rows = await connection.fetch(_SINCE, tenant, day)
        return [DoorCount(*(*row, refusals.get((row["source"], row["day"]), {}))) for row in rows]
