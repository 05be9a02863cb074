# SPDX-License-Identifier: Apache-2.0
"""What comes of records that are thought about for too long, whoever has them in between."""

import asyncio
from collections.abc import Sequence

import asyncpg
import pytest

from chassis.errors import Reject
from chassis.sqlstate import LeftIdle
from chassis.streams.halving import Halving
from chassis.streams.message import Partition, Record
from chassis.streams.pace import TRIES_ALONE, Pace
from chassis.unit.done import Done
from chassis.unit.work import UnitOfWork
from chassis.waiting import Stopped

AT = Partition("t", 0)
OVERTAKEN = Done({}, dropped=frozenset({AT}))
RECORDS = [Record(AT, offset, b"key", b"value", (), 0) for offset in range(4)]


class Work(UnitOfWork):
    """A unit of work that ends as it is told to, by the first of its records."""

    def __init__(self, *ends: Exception | Done) -> None:
        self.ends = list(ends)
        self.ran: list[list[int]] = []
        self.buried: list[int] = []
        self.burials: list[Exception | Done] = []

    async def run(self, records: Sequence[Record]) -> Done:
        self.ran.append([record.offset for record in records])
        return ended(self.ends, records[-1])

    async def bury(self, record: Record, _error: Reject) -> Done:
        done = ended(self.burials, record)
        if not done.dropped:
            self.buried.append(record.offset)
        return done


def ended(ends: list[Exception | Done], last: Record) -> Done:
    """Come to the next end that is planned, or commit."""
    end = ends.pop(0) if ends else Done({AT: last.offset + 1})
    if isinstance(end, Exception):
        raise end
    return end


def halving(work: Work, pace: Pace) -> Halving:
    return Halving(work, pace, asyncio.Event())


async def test_fewer_are_taken_and_the_others_left_in_their_order() -> None:
    work = Work(LeftIdle(60.0), LeftIdle(60.0))
    done = await halving(work, Pace()).run(RECORDS)
    assert work.ran == [[0, 1, 2, 3], [0], [0]]
    assert [record.offset for record in done.left] == [1, 2, 3]


async def test_a_record_is_put_aside_however_often_it_goes_to_another_in_between() -> None:
    """While it is thought about its partition goes to another worker, who fares no better, and comes back."""
    work, pace = Work(), Pace()
    for _ in range(TRIES_ALONE):
        work.ends, work.burials = [LeftIdle(60.0), OVERTAKEN], [OVERTAKEN]
        await halving(work, pace).run(RECORDS[:1])
    assert work.buried == []
    done = await halving(work, pace).run(RECORDS)
    assert work.buried == [0]
    assert (done.offsets, [record.offset for record in done.left]) == ({AT: 1}, [1, 2, 3])


async def test_what_was_done_in_the_end_is_not_to_blame() -> None:
    work, pace = Work(*[LeftIdle(60.0)] * (TRIES_ALONE - 1)), Pace()
    await halving(work, pace).run(RECORDS[:1])
    pace.alone.forget(RECORDS[:1])
    work.ends = [LeftIdle(60.0)]
    await halving(work, pace).run(RECORDS[:1])
    assert work.buried == []


@pytest.mark.parametrize("error", [asyncpg.DeadlockDetectedError(), asyncpg.LockNotAvailableError()])
async def test_putting_aside_is_done_again_where_others_had_the_locks(error: Exception) -> None:
    work = Work(*[LeftIdle(60.0)] * TRIES_ALONE)
    work.burials = [error]
    await halving(work, Pace()).run(RECORDS[:1])
    assert work.buried == [0]


async def test_who_is_asked_to_stop_begins_no_other_minute_of_thought() -> None:
    work, stop = Work(LeftIdle(60.0)), asyncio.Event()
    stop.set()
    with pytest.raises(Stopped):
        await Halving(work, Pace(), stop).run(RECORDS)
    assert len(work.ran) == 1
