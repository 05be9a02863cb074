# SPDX-License-Identifier: Apache-2.0
"""Moves the counts of records that end otherwise than they were counted when they came (I3)."""

from collections.abc import Iterable
from typing import NamedTuple

from chassis.streams.message import Partition
from chassis.unit.fence import Outcome
from chassis.unit.writes import Writes

_RECOUNT = """
update chassis.fence
set applied = applied + moved.a, duplicate = duplicate + moved.d, ignored = ignored + moved.i,
    parked = parked + moved.p, dead_lettered = dead_lettered + moved.l
from unnest(
    $2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[]
) as moved (topic, number, a, d, i, p, l)
where consumer = $1::text and fence.topic = moved.topic and fence.partition = moved.number
"""


class Recount(NamedTuple):
    """One record of a partition, how it was counted and how it has ended."""

    at: Partition
    counted: Outcome
    ended: Outcome


def recount(writes: Writes, consumer: str, recounts: Iterable[Recount]) -> None:
    """Move each record's count from how it was counted to how it ended; its partition's row is locked."""
    moved: dict[Partition, dict[Outcome, int]] = {}
    for each in recounts:
        counts = moved.setdefault(each.at, dict.fromkeys(Outcome, 0))
        counts[each.counted] -= 1
        counts[each.ended] += 1
    order = sorted(moved)
    writes.add(
        _RECOUNT,
        consumer,
        [at.topic for at in order],
        [at.number for at in order],
        *([moved[at][outcome] for at in order] for outcome in Outcome),
    )
