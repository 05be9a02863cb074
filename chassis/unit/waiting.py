# SPDX-License-Identifier: Apache-2.0
"""The waiting records of one learner as a replay takes them out, and how it leaves the rest."""

from collections.abc import Iterable
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
