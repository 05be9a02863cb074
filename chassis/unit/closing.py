# SPDX-License-Identifier: Apache-2.0
"""Step 7 of a unit of work, in one statement with all that its handler writes.

Outbox, learners' time, progress and outcome counts.
"""

from collections.abc import Mapping
from datetime import datetime

from chassis.streams.message import Partition
from chassis.unit.deadletter import keep_letters
from chassis.unit.fence import Outcome, Step
from chassis.unit.learners import LearnerKey
from chassis.unit.outbox import NOTIFY, notice, write_outgoing
from chassis.unit.unit import Unit
from chassis.unit.writes import Writes

_MOVE = """
insert into chassis.learner (tenant, id, as_of)
select * from unnest($1::text[], $2::text[], $3::timestamptz[])
on conflict (tenant, id) do update set as_of = excluded.as_of
"""
_ADVANCE = """
update chassis.fence
set next_offset = step.next_offset,
    applied = applied + step.a, duplicate = duplicate + step.d, ignored = ignored + step.i,
    parked = parked + step.p, dead_lettered = dead_lettered + step.l
from unnest(
    $2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[]
) as step (topic, number, next_offset, a, d, i, p, l)
where consumer = $1 and fence.topic = step.topic and fence.partition = step.number
"""


async def close_unit(unit: Unit, consumer: str, steps: Mapping[Partition, Step]) -> None:
    """Write everything, move the unit's learners and partitions on, and wake the relay at commit."""
    if unit.moved:
        _move(unit.writes, unit.moved)
    if steps:
        _advance(unit.writes, consumer, steps)
    await publish_unit(unit)


async def publish_unit(unit: Unit) -> None:
    """Write everything, what the unit publishes included, and wake the relay at commit."""
    write_outgoing(unit.writes, unit.outgoing)
    keep_letters(unit.writes, unit.dead_letters)
    await unit.writes.carry_out(unit.connection, NOTIFY, notice(unit.outgoing))


def _move(writes: Writes, moved: Mapping[LearnerKey, datetime]) -> None:
    learners = sorted(moved)
    writes.add(
        _MOVE,
        [tenant for tenant, _ in learners],
        [learner for _, learner in learners],
        [moved[key] for key in learners],
    )


def _advance(writes: Writes, consumer: str, steps: Mapping[Partition, Step]) -> None:
    partitions = sorted(steps)
    writes.add(
        _ADVANCE,
        consumer,
        [at.topic for at in partitions],
        [at.number for at in partitions],
        [steps[at].next_offset for at in partitions],
        *([steps[at].counts.get(outcome, 0) for at in partitions] for outcome in Outcome),
    )
