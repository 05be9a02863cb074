# SPDX-License-Identifier: Apache-2.0
"""The lock that every writer of a learner takes, and the learner's own time.

Locks are taken in the order (tenant, id), so that two units never wait for each other.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from cairn.ids import LearnerId, TenantId
from chassis.database import Connection

LearnerKey = tuple[TenantId, LearnerId]

# Before any event: as_of of a learner of whom nothing has been folded yet.
_NEVER = datetime(1900, 1, 1, tzinfo=UTC)

_LOCK = """
select tenant, id, as_of from chassis.learner
join unnest($1::text[], $2::text[]) as wanted (tenant, id) using (tenant, id)
order by tenant, id
for no key update of learner
"""
_INSERT = """
insert into chassis.learner (tenant, id, as_of)
select tenant, id, $3 from unnest($1::text[], $2::text[]) as wanted (tenant, id)
order by tenant collate "C", id collate "C"
on conflict do nothing
"""
_MOVE = """
update chassis.learner set as_of = moved.as_of
from unnest($1::text[], $2::text[], $3::timestamptz[]) as moved (tenant, id, as_of)
where learner.tenant = moved.tenant and learner.id = moved.id
"""


async def lock_learners(connection: Connection, keys: Iterable[LearnerKey]) -> dict[LearnerKey, datetime]:
    """Lock the learners, creating the rows of new ones, and return each one's ``as_of``.

    The first try finds all rows in the usual case of learners already known; a second one follows
    the insertion of the missing. Should two units meet over a row that appeared between, the
    database ends one of them (40P01), which is redone.
    """
    wanted = sorted(set(keys))
    tenants, ids = [tenant for tenant, _ in wanted], [learner for _, learner in wanted]
    rows = await connection.fetch(_LOCK, tenants, ids)
    if len(rows) < len(wanted):
        await connection.execute(_INSERT, tenants, ids, _NEVER)
        rows = await connection.fetch(_LOCK, tenants, ids)
    return {(TenantId(tenant), LearnerId(learner)): as_of for tenant, learner, as_of in rows}


async def move_as_of(connection: Connection, moved: Mapping[LearnerKey, datetime]) -> None:
    """Store the later ``as_of`` of locked learners."""
    if moved:
        order = sorted(moved)
        await connection.execute(
            _MOVE, [key[0] for key in order], [key[1] for key in order], [moved[key] for key in order]
        )
