# SPDX-License-Identifier: Apache-2.0
"""The waiting records of one learner as a replay takes them out, and how it leaves the rest."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from cairn.events.change import Change
from chassis.database import Connection
from chassis.errors import Reject
from chassis.streams.message import Partition, Record
from chassis.unit.fence import Outcome
from chassis.unit.learners import LearnerKey
from chassis.unit.outbox import read_headers
from chassis.unit.writes import Writes

_PARTITIONS = """
select distinct topic, partition from chassis.parked
where tenant = $1 and consumer = $2 and learner = $3
"""
_ROWS = """
select place, topic, partition, "offset", key, headers, value, sent_at, outcome, reason, field, entered
from chassis.parked
where tenant = $1 and consumer = $2 and learner = $3 and place > $5
order by tenant, consumer, learner, place
limit $4
"""
_REMOVE = """
delete from chassis.parked
where tenant = $1::text and consumer = $2::text and learner = $3::text and place = any ($4::bigint[])
"""
_RESTATE = """
update chassis.parked
set outcome = $5::text, reason = $6::text, field = $7::text, subject = $8::text, revision = $9::int,
    entered = $10::boolean,
    place = case when $11::boolean then nextval('chassis.parked_front') else place end
where tenant = $1::text and consumer = $2::text and learner = $3::text and place = $4::bigint
"""
_ENTERED = """
update chassis.parked set entered = true
where tenant = $1::text and consumer = $2::text and learner = $3::text and place = any ($4::bigint[])
"""
_RECOUNT = """
update chassis.fence
set applied = applied + moved.a, duplicate = duplicate + moved.d, ignored = ignored + moved.i,
    parked = parked + moved.p, dead_lettered = dead_lettered + moved.l
from unnest(
    $2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[]
) as moved (topic, number, a, d, i, p, l)
where consumer = $1::text and fence.topic = moved.topic and fence.partition = moved.number
"""
# Places may be below zero.
_BEFORE_ALL = -(2**63)


class Waiting(NamedTuple):
    """One record that waits, why, and how it is counted."""

    place: int
    record: Record
    outcome: Outcome
    error: Reject
    entered: bool


async def partitions_of(connection: Connection, consumer: str, learner: LearnerKey) -> list[Partition]:
    """Return whence the learner's waiting records came."""
    tenant, one = learner
    return sorted(Partition(*row) for row in await connection.fetch(_PARTITIONS, tenant, consumer, one))


async def waiting_of(
    connection: Connection, consumer: str, learner: LearnerKey, most: int, behind: int = _BEFORE_ALL
) -> list[Waiting]:
    """Return the learner's first waiting records behind a place, in order."""
    tenant, one = learner
    return [
        Waiting(
            row["place"],
            Record(
                Partition(row["topic"], row["partition"]),
                row["offset"],
                row["key"],
                row["value"],
                tuple(read_headers(row["headers"])),
                row["sent_at"],
            ),
            Outcome(row["outcome"]),
            Reject(row["reason"], row["field"]),
            row["entered"],
        )
        for row in await connection.fetch(_ROWS, tenant, consumer, one, most, behind)
    ]


def remove(writes: Writes, consumer: str, learner: LearnerKey, rows: Iterable[Waiting]) -> None:
    """Let records go that have ended."""
    tenant, one = learner
    writes.add(_REMOVE, tenant, consumer, one, [row.place for row in rows])


def restate(  # noqa: PLR0913 - what is said, of which record
    writes: Writes, consumer: str, learner: LearnerKey, row: Waiting, change: Change | None, *, first: bool
) -> None:
    """Say anew why a record waits and what it is about; with ``first`` have it wait before all others."""
    tenant, one = learner
    about = change or (None, None)
    why = row.outcome.value, row.error.reason, row.error.field
    writes.add(_RESTATE, tenant, consumer, one, row.place, *why, *about, row.entered, first)


def note_entered(writes: Writes, consumer: str, learner: LearnerKey, rows: Iterable[Waiting]) -> None:
    """Say of records that wait on that the inbox has them now."""
    tenant, one = learner
    writes.add(_ENTERED, tenant, consumer, one, [row.place for row in rows])


def recount(
    writes: Writes, consumer: str, ended: Sequence[tuple[Waiting, Outcome]]
) -> Mapping[Partition, Mapping[Outcome, int]]:
    """Move each record's count from how it was counted to how it ended; return by how much."""
    moved: dict[Partition, dict[Outcome, int]] = {}
    for row, outcome in ended:
        counts = moved.setdefault(row.record.at, dict.fromkeys(Outcome, 0))
        counts[row.outcome] -= 1
        counts[outcome] += 1
    order = sorted(moved)
    writes.add(
        _RECOUNT,
        consumer,
        [at.topic for at in order],
        [at.number for at in order],
        *([moved[at][outcome] for at in order] for outcome in Outcome),
    )
    return moved
