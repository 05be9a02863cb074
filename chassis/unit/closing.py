# SPDX-License-Identifier: Apache-2.0
"""Step 7 of a unit of work, in one statement: outbox, learners' time, progress and outcome counts.

Every row that it changes is locked since the unit began, so the order of its parts is of no account.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from chassis.database import Connection
from chassis.streams.message import Partition
from chassis.unit.fence import Outcome, Step
from chassis.unit.learners import LearnerKey
from chassis.unit.outbox import CHANNEL, INSERT, Outgoing, columns_of, notice

_CLOSE = f"""
with sent as ({INSERT}),
moved as (
    insert into chassis.learner (tenant, id, as_of)
    select * from unnest($7::text[], $8::text[], $9::timestamptz[])
    on conflict (tenant, id) do update set as_of = excluded.as_of
),
advanced as (
    update chassis.fence
    set next_offset = step.next_offset,
        applied = applied + step.a, duplicate = duplicate + step.d, ignored = ignored + step.i,
        parked = parked + step.p, dead_lettered = dead_lettered + step.l
    from unnest(
        $11::text[], $12::int[], $13::bigint[],
        $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[], $18::bigint[]
    ) as step (topic, number, next_offset, a, d, i, p, l)
    where consumer = $10 and fence.topic = step.topic and fence.partition = step.number
)
select pg_notify('{CHANNEL}', $19) where $19::text is not null
"""  # noqa: S608 -- put together of constants


async def close_unit(
    connection: Connection,
    consumer: str,
    outgoing: Sequence[Outgoing],
    moved: Mapping[LearnerKey, datetime],
    steps: Mapping[Partition, Step],
) -> None:
    """Write what the unit publishes, move its learners and partitions on, and wake the relay at commit."""
    learners, partitions = sorted(moved), sorted(steps)
    counts = [[steps[at].counts.get(outcome, 0) for at in partitions] for outcome in Outcome]
    await connection.execute(
        _CLOSE,
        *columns_of(outgoing),
        [tenant for tenant, _ in learners],
        [learner for _, learner in learners],
        [moved[key] for key in learners],
        consumer,
        [at.topic for at in partitions],
        [at.number for at in partitions],
        [steps[at].next_offset for at in partitions],
        *counts,
        notice(outgoing),
    )
