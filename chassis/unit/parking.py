# SPDX-License-Identifier: Apache-2.0
"""Parking: a record that cannot be folded holds its learner at its consumer (design section 4).

What is a bug of ours is dead-lettered, and what may yet become readable or have its place is parked;
either way later records of the learner park behind it, in order, until it is replayed or discarded.
Other learners go on.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from cairn.events.change import Change
from cairn.ids import LearnerId, TenantId, is_opaque
from chassis.database import Connection
from chassis.errors import Reject
from chassis.streams.message import Record
from chassis.unit.fence import Outcome
from chassis.unit.learners import LearnerKey
from chassis.unit.outbox import headers_text
from chassis.unit.writes import Writes

GAP = "revision_gap"
# What a later version may read, and what heals by itself once the missing record has come.
_MAY_YET_BE = frozenset({GAP, "unknown_major", "unrecognised_value"})
CONSUMER = "the consumer"
"""Who asks for a replay where nobody has to."""
WAITS = Reject("waits behind an earlier record of its learner")

_PARK = """
insert into chassis.parked (
    tenant, consumer, learner, topic, partition, "offset", key, headers, value, sent_at,
    outcome, reason, field, subject, revision, entered
)
select tenant, $1, learner, topic, number, at_offset, key, headers, value, sent_at,
    outcome, reason, field, subject, revision, entered
from unnest(
    $2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[], $7::bytea[], $8::text[], $9::bytea[],
    $10::bigint[], $11::text[], $12::text[], $13::text[], $14::text[], $15::int[], $16::boolean[]
) with ordinality as aside (
    tenant, learner, topic, number, at_offset, key, headers, value, sent_at,
    outcome, reason, field, subject, revision, entered, place
)
order by place
"""
_ASK_AGAIN = """
insert into chassis.replay (tenant, id, consumer, learner, place, action, asked_by)
select tenant, gen_random_uuid(), $1, learner, place, 'replay', $2
from unnest($3::text[], $4::text[], $5::bigint[]) as wanted (tenant, learner, place)
"""
_ASK = """
insert into chassis.replay (tenant, id, consumer, learner, place, action, asked_by)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (tenant, id) do nothing
returning true
"""
_HEADS = """
select wanted.tenant, wanted.learner, head.place, head.reason, head.subject, head.revision
from unnest($2::text[], $3::text[]) as wanted (tenant, learner)
cross join lateral (
    select place, reason, subject, revision from chassis.parked
    where parked.tenant = wanted.tenant and parked.consumer = $1 and parked.learner = wanted.learner
    order by parked.tenant, parked.consumer, parked.learner, place
    limit 1
) as head
"""


class Aside(NamedTuple):
    """A record that is not folded now; ``learner`` is None where even its key says nothing."""

    record: Record
    learner: LearnerKey | None
    error: Reject
    change: Change | None = None
    entered: bool = False
    """Whether the inbox has it."""


class Asked(NamedTuple):
    """A request of an operator about one waiting record; ``by`` is who asked."""

    id: UUID
    learner: LearnerKey
    consumer: str
    place: int
    by: str
    discard: bool = False


class Head(NamedTuple):
    """The first record that waits of a learner."""

    place: int
    reason: str
    change: Change | None

    def comes_before(self, change: Change | None) -> bool:
        """Tell whether a change is one that this record, which came too early, waits for."""
        if self.reason != GAP or self.change is None or change is None:
            return False
        return change.comes_before(self.change)


def learner_of(key: bytes | None) -> LearnerKey | None:
    """Return whose record it is by the key that orders it, if it is one of ours."""
    try:
        tenant, _, learner = (key or b"").decode().partition("/")
    except UnicodeDecodeError:
        return None
    if is_opaque(tenant) and is_opaque(learner):
        return TenantId(tenant), LearnerId(learner)
    return None


def outcomes_of(asides: Sequence[Aside], held: Iterable[LearnerKey]) -> list[tuple[Aside, Outcome]]:
    """Return how each record ends, in the order given; ``held`` are the learners of whom others wait.

    Only the first of a learner is a bug or a gap by itself: whatever comes behind it waits.
    """
    waiting = set(held)
    ended: list[tuple[Aside, Outcome]] = []
    for aside in asides:
        if aside.learner in waiting:
            ended.append((aside._replace(error=WAITS, change=None), Outcome.PARKED))
            continue
        if aside.learner is not None:
            waiting.add(aside.learner)
        ended.append((aside, outcome_of(aside.error) if aside.learner else Outcome.DEAD_LETTERED))
    return ended


def outcome_of(error: Reject) -> Outcome:
    """Return how a record ends that is the first of its learner to be put aside."""
    return Outcome.PARKED if error.reason in _MAY_YET_BE else Outcome.DEAD_LETTERED


async def ask(connection: Connection, asked: Asked) -> bool:
    """Ask for the replay or the discard of a learner's first waiting record, once for each request id.

    Tells whether it had not been asked under that id before.
    """
    tenant, learner = asked.learner
    action = "discard" if asked.discard else "replay"
    key = tenant, asked.id, asked.consumer, learner
    return await connection.fetchval(_ASK, *key, asked.place, action, asked.by) is not None


async def heads(
    connection: Connection, consumer: str, learners: Iterable[LearnerKey]
) -> dict[LearnerKey, Head]:
    """Return the first waiting record of each learner of whom one waits."""
    wanted = sorted(set(learners))
    rows = await connection.fetch(_HEADS, consumer, [key[0] for key in wanted], [key[1] for key in wanted])
    return {
        (TenantId(row["tenant"]), LearnerId(row["learner"])): Head(
            row["place"],
            row["reason"],
            None if row["subject"] is None else Change(row["subject"], row["revision"]),
        )
        for row in rows
    }


def park(writes: Writes, consumer: str, ended: Iterable[tuple[Aside, Outcome]]) -> None:
    """Keep the records, in their order, until they are replayed or discarded."""
    if rows := [_row(aside, aside.learner, outcome) for aside, outcome in ended if aside.learner]:
        writes.add(_PARK, consumer, *(list(column) for column in zip(*rows, strict=True)))


def ask_again(writes: Writes, consumer: str, places: Mapping[LearnerKey, int]) -> None:
    """Have the first waiting record of each learner replayed, which stands at its place."""
    if places:
        rows = [(*key, places[key]) for key in sorted(places)]
        writes.add(_ASK_AGAIN, consumer, CONSUMER, *(list(column) for column in zip(*rows, strict=True)))


def _row(aside: Aside, learner: LearnerKey, outcome: Outcome) -> tuple[object, ...]:
    record = aside.record
    # Asked for of gaps alone, and what else is put aside may hold a subject that the database refuses.
    change = aside.change if aside.error.reason == GAP else None
    return (
        *learner,
        record.at.topic,
        record.at.number,
        record.offset,
        record.key,
        headers_text(record.headers),
        record.value,
        record.timestamp,
        outcome.value,
        aside.error.reason,
        aside.error.field,
        None if change is None else change.subject,
        None if change is None else change.revision,
        aside.entered,
    )
