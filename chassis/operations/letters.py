# SPDX-License-Identifier: Apache-2.0
"""Dead letters behind which nothing waits: listed until discarded or taken in, and never deleted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from cairn.ids import TenantId
from chassis.database import Connection

_STANDING = """
select consumer, id, learner, reason, field, topic, partition, "offset", payload, put_aside_at, discarded_at,
    replayed_at
from chassis.dead_letter
where tenant = $1 and id > $2 and discarded_at is null and replayed_at is null
    and ($3 = '' or consumer = $3)
order by tenant, id
limit $4
"""
_ONE = """
select consumer, id, learner, reason, field, topic, partition, "offset", payload, put_aside_at, discarded_at,
    replayed_at
from chassis.dead_letter
where tenant = $1 and id = $2 and consumer = $3
"""
_DISCARD = """
update chassis.dead_letter set discarded_at = now()
where tenant = $1 and id = $2 and consumer = $3 and discarded_at is null
    and replayed_at is null
returning true
"""


class LetterName(NamedTuple):
    """Which dead letter of a tenant is meant."""

    consumer: str
    number: int


class Letter(NamedTuple):
    """A dead letter: whence it came and why; ``learner`` and ``payload`` are empty where there is none."""

    name: LetterName
    learner: str
    reason: str
    field: str
    topic: str
    partition: int
    offset: int
    payload: str
    put_aside_at: datetime
    discarded_at: datetime | None
    replayed_at: datetime | None


async def standing(
    connection: Connection, tenant: TenantId, consumer: str, behind: int, most: int
) -> Sequence[Letter]:
    """Return the next dead letters of which something is still to become; an empty ``consumer`` means any."""
    rows = await connection.fetch(_STANDING, tenant, behind, consumer, most)
    return [_letter(*row) for row in rows]


async def one(connection: Connection, tenant: TenantId, name: LetterName) -> Letter | None:
    """Return a dead letter, whatever has become of it."""
    row = await connection.fetchrow(_ONE, tenant, name.number, name.consumer)
    return None if row is None else _letter(*row)


async def discard(connection: Connection, tenant: TenantId, name: LetterName) -> bool:
    """Let a dead letter be listed no more; tell whether it was until now."""
    return await connection.fetchval(_DISCARD, tenant, name.number, name.consumer) is not None


def _letter(consumer: str, number: int, *rest: Any) -> Letter:
    return Letter(LetterName(consumer, number), *rest)
