# SPDX-License-Identifier: Apache-2.0
"""Progress of a consumer, kept in the database with the effects: the truth about what is done.

A partition's row moves by compare-and-set from the value that this owner last wrote. Another
value means another owner: its records are dropped here, because the other one has them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from chassis.database import Connection
from chassis.streams.message import Partition
from chassis.unit.losses import NO_IDS, TopicIds


class Outcome(StrEnum):
    """How a consumed record ended; every record ends in exactly one way (I3)."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    PARKED = "parked"
    DEAD_LETTERED = "dead_lettered"


@dataclass(slots=True)
class Step:
    """How far one unit moves one partition, and how its records ended."""

    next_offset: int
    counts: Mapping[Outcome, int] = field(default_factory=dict)


_CLAIM = """
insert into chassis.fence (consumer, topic, partition, next_offset, topic_id)
select $1, topic, number, start, topic_id
from unnest($2::text[], $3::int[], $4::bigint[], $5::uuid[]) as wanted (topic, number, start, topic_id)
order by topic, number
on conflict do nothing
"""
# A row of before there were ids, or that was made without a claim, is of the topic that is there now.
_NAME = """
update chassis.fence set topic_id = wanted.topic_id
from unnest($2::text[], $3::int[], $4::uuid[]) as wanted (topic, number, topic_id)
where consumer = $1 and fence.topic = wanted.topic and fence.partition = wanted.number
    and fence.topic_id is null and wanted.topic_id is not null
"""

_READ = """
select wanted.topic, wanted.partition, stored.next_offset
from unnest($2::text[], $3::int[]) as wanted (topic, partition)
cross join lateral (
    select next_offset from chassis.fence
    where fence.consumer = $1 and fence.topic = wanted.topic and fence.partition = wanted.partition
    offset 0 {for_update}
) as stored
"""
_SKIP = """
update chassis.fence set next_offset = wanted.position
from unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[]) as wanted (topic, number, stood, position)
where consumer = $1 and fence.topic = wanted.topic and fence.partition = wanted.number
    and fence.next_offset = wanted.stood
returning fence.topic, fence.partition
"""
_LOOK = _READ.format(for_update="")
_LOCK = _READ.format(for_update="for update")


async def claim(
    connection: Connection, consumer: str, starts: Mapping[Partition, int], ids: TopicIds = NO_IDS
) -> dict[Partition, int]:
    """Return each partition's next offset, beginning a new one at the given start."""
    wanted = sorted(starts)
    topics, numbers = [at.topic for at in wanted], [at.number for at in wanted]
    of_topics = [ids.get(topic) for topic in topics]
    await connection.execute(_CLAIM, consumer, topics, numbers, [starts[at] for at in wanted], of_topics)
    await connection.execute(_NAME, consumer, topics, numbers, of_topics)
    return await look(connection, consumer, wanted)


async def look(
    connection: Connection, consumer: str, partitions: Iterable[Partition]
) -> dict[Partition, int]:
    """Return each partition's next offset."""
    return await _offsets(connection, _LOOK, consumer, partitions)


async def pass_over(
    connection: Connection, consumer: str, wanted: Mapping[Partition, tuple[int, int]]
) -> list[Partition]:
    """Move partitions from one offset to another; return those that stood at the first."""
    order = sorted(wanted)
    rows = await connection.fetch(
        _SKIP,
        consumer,
        [at.topic for at in order],
        [at.number for at in order],
        *([wanted[at][end] for at in order] for end in (0, 1)),
    )
    return [Partition(*row) for row in rows]


async def lock(
    connection: Connection, consumer: str, partitions: Iterable[Partition]
) -> dict[Partition, int]:
    """Lock the partitions' rows, sorted, and return each one's next offset."""
    return await _offsets(connection, _LOCK, consumer, partitions)


async def _offsets(
    connection: Connection, query: str, consumer: str, partitions: Iterable[Partition]
) -> dict[Partition, int]:
    wanted = sorted(partitions)
    rows = await connection.fetch(query, consumer, [at.topic for at in wanted], [at.number for at in wanted])
    return {Partition(topic, number): offset for topic, number, offset in rows}
