# SPDX-License-Identifier: Apache-2.0
"""Two owners of one partition: whichever commits second changes nothing."""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from chassis.database import Pool
from chassis.errors import Conflict
from chassis.health import Health
from chassis.streams.batch import Batches
from chassis.streams.message import Partition, Record
from chassis.streams.pace import Pace
from chassis.unit.done import Done
from chassis.unit.outbox import Partitions
from chassis.unit.work import UnitOfWork
from tests.integration.chassis.probe.feed import consumed, result
from tests.integration.chassis.probe.handler import Tally
from tests.integration.chassis.probe.running import Probe, counts, histories


def record(offset: int, learner: str = "l1") -> Record:
    return consumed(AT, offset, result(offset, learner))


def owner(probe: Probe, pool: Pool) -> UnitOfWork:
    return UnitOfWork(pool, Tally(probe.consumer, "t", "t.out"), Partitions(3, {}))


AT = Partition("t", 0)


async def test_a_woken_zombie_changes_nothing(probe: Probe, pool: Pool) -> None:
    zombie, other = owner(probe, pool), owner(probe, pool)
    await zombie.claim({AT: 0})
    await zombie.run([record(0)])
    await other.claim({AT: 0})
    await other.run([record(1)])
    assert (await zombie.run([record(1), record(2)])).offsets == {}
    assert zombie.ownership.disowned == {AT}
    assert (await zombie.run([record(3)])).offsets == {}, "a gap before 3 may not have been folded by anybody"
    assert (await other.run([record(2), record(3)])).offsets == {AT: 4}
    assert (await counts(probe))["applied"] == 4
    assert await histories(probe) == {"probe-a/l1": ".e0.e1.e2.e3"}


async def test_a_claim_ends_being_disowned(probe: Probe, pool: Pool) -> None:
    zombie, other = owner(probe, pool), owner(probe, pool)
    await zombie.claim({AT: 0})
    await other.claim({AT: 0})
    await other.run([record(0)])
    assert (await zombie.run([record(0)])).offsets == {}
    assert await zombie.claim({AT: 0}) == {AT: 1}
    assert (await zombie.run([record(0), record(1)])).offsets == {AT: 2}
    assert (await counts(probe))["applied"] == 2


async def test_a_look_finds_out_what_no_record_asks_about(probe: Probe, pool: Pool) -> None:
    zombie, other = owner(probe, pool), owner(probe, pool)
    await zombie.claim({AT: 0})
    await zombie.run([record(0)])
    await zombie.look({})
    assert zombie.ownership.disowned == frozenset()
    await other.claim({AT: 0})
    await other.run([record(1)])
    await zombie.look({})
    assert zombie.ownership.disowned == {AT}


async def test_progress_passes_over_nothing_that_was_claimed_anew_meanwhile(probe: Probe, pool: Pool) -> None:
    """What was read belongs to a claim: after a restore the same partition stands elsewhere."""
    work, other = owner(probe, pool), owner(probe, pool)
    await work.claim({AT: 0})
    await work.run([record(0)])
    await work.pass_over({AT: (0, 5)})
    await other.claim({AT: 0})
    await other.run([record(1)])
    await work.pass_over({AT: (1, 5)})
    assert (await other.run([record(2)])).offsets == {AT: 3}
    await other.pass_over({AT: (3, 5)})
    assert (await other.run([record(5)])).offsets == {AT: 6}


async def test_a_look_at_one_s_own_unit_disowns_nothing(probe: Probe, pool: Pool) -> None:
    work = owner(probe, pool)
    await work.claim({AT: 0})
    looking = asyncio.create_task(_looking(work))
    for offset in range(100):
        assert (await work.run([record(offset)])).offsets == {AT: offset + 1}
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking


async def _looking(work: UnitOfWork) -> None:
    while True:
        await work.look({})
        assert work.ownership.disowned == frozenset()


class Overtaken(UnitOfWork):
    """A consumer that another overtakes, and that claims its partition anew, while it halves a batch."""

    def __init__(self, probe: Probe, pool: Pool, other: UnitOfWork) -> None:
        super().__init__(pool, Tally(probe.consumer, "t", "t.out"), Partitions(3, {}))
        self._other = other

    async def run(self, records: Sequence[Record]) -> Done:
        if len(records) == 4:
            await self._other.claim({AT: 0})
            await self._other.run([record(0)])
            raise asyncpg.DataError("a value that the database refuses")
        done = await super().run(records)
        await self.claim({AT: 0})
        return done


async def test_half_of_a_batch_that_was_dropped_is_no_hole(probe: Probe, pool: Pool) -> None:
    """Else the other half would go on behind records that nobody has folded."""
    other = owner(probe, pool)
    one = Overtaken(probe, pool, other)
    await one.claim({AT: 0})
    batches = Batches(one, Health(), _nobody, asyncio.Event(), Pace())
    assert await batches.process([record(offset) for offset in range(4)]) == {}
    assert (await one.run([record(offset) for offset in range(1, 4)])).offsets == {AT: 4}
    assert await histories(probe) == {"probe-a/l1": ".e0.e1.e2.e3"}


class Restored(UnitOfWork):
    """A consumer whose database is lost in the midst of a unit, and comes back as it was an hour ago."""

    def __init__(self, probe: Probe, pool: Pool) -> None:
        super().__init__(pool, Tally(probe.consumer, "t", "t.out"), Partitions(3, {}))
        self._probe = probe
        self._lost = False

    async def run(self, records: Sequence[Record]) -> Done:
        if records[0].offset == 10 and not self._lost:
            self._lost = True
            await _put_back(self._probe, 5)
            await self.claim({AT: 0})  # a rebalance came in between
            raise ConnectionResetError
        return await super().run(records)


async def _put_back(probe: Probe, offset: int) -> None:
    connection = await asyncpg.connect(probe.admin)
    try:
        await connection.execute(
            "update chassis.fence set next_offset = $2 where consumer = $1", probe.consumer, offset
        )
    finally:
        await connection.close()


async def test_what_is_in_hand_when_its_partition_is_claimed_is_not_folded(probe: Probe, pool: Pool) -> None:
    """Else what lies between the restored progress and the batch would be missing without a trace."""
    work = Restored(probe, pool)
    await work.claim({AT: 0})
    await work.run([record(offset) for offset in range(10)])
    batches = Batches(work, Health(), _nobody, asyncio.Event(), Pace())
    in_hand = [record(offset) for offset in range(10, 15)]
    work.ownership.take(in_hand)
    assert await batches.process(in_hand) == {}
    again = [record(offset) for offset in range(5, 15)]
    work.ownership.take(again)
    assert await batches.process(again) == {AT: 15}


async def _nobody(_offsets: object) -> None:
    """Acknowledge to nobody: there is no broker here."""


async def test_a_record_polled_twice_counts_once(probe: Probe, pool: Pool) -> None:
    work = owner(probe, pool)
    await work.claim({AT: 0})
    junk = Record(AT, 1, b"probe-a/x", b"junk", (), 0)
    batch = [record(0), junk, record(2), record(0), junk]
    assert (await work.run(batch)).offsets == {AT: 3}
    found = await counts(probe)
    assert (found["applied"], found["dead_lettered"], sum(found.values())) == (2, 1, 3)


async def test_redeliveries_are_not_counted_again(probe: Probe, pool: Pool) -> None:
    work = owner(probe, pool)
    await work.claim({AT: 0})
    await work.run([record(0), record(1)])
    assert (await work.run([record(0), record(1), record(2)])).offsets == {AT: 3}
    assert sum((await counts(probe)).values()) == 3


async def test_an_unclaimed_partition_may_not_begin_above_its_progress(probe: Probe, pool: Pool) -> None:
    first = owner(probe, pool)
    await first.claim({AT: 0})
    await first.run([record(0)])
    with pytest.raises(Conflict, match="above the stored progress 1"):
        await owner(probe, pool).run([record(5)])


class Released(UnitOfWork):
    """A consumer whose partition is revoked just when it has begun a unit."""

    async def _open(self, *given: Any, **named: Any) -> Any:
        self.ownership.release([AT])
        return await super()._open(*given, **named)


async def test_what_was_released_in_the_midst_of_a_unit_is_not_remembered(probe: Probe, pool: Pool) -> None:
    """Else what is delivered after a rebalance might begin behind a hole."""
    work = Released(pool, Tally(probe.consumer, "t", "t.out"), Partitions(3, {}))
    await work.claim({AT: 0})
    await work.run([record(0)])
    with pytest.raises(Conflict, match="begins at 5, above the stored progress 1"):
        await work.run([record(5)])


async def test_records_out_of_order_are_counted_once(probe: Probe, pool: Pool) -> None:
    work = owner(probe, pool)
    await work.claim({AT: 0})
    await work.run([record(0), record(1)])
    assert (await work.run([record(2), record(1)])).offsets == {AT: 3}
    assert (await work.run([record(2), record(3)])).offsets == {AT: 4}
    assert sum((await counts(probe)).values()) == 4


async def test_holes_within_an_assignment_are_normal(probe: Probe, pool: Pool) -> None:
    work = owner(probe, pool)
    await work.claim({AT: 0})
    await work.run([record(0), record(4)])
    assert (await work.run([record(9)])).offsets == {AT: 10}
    assert (await counts(probe))["applied"] == 3


async def test_a_lost_answer_to_a_commit_is_not_another_owner(probe: Probe, pool: Pool) -> None:
    work = owner(probe, pool)
    await work.claim({AT: 0})
    settle = work.ownership.settle
    work.ownership.settle = lambda steps: dict.fromkeys(steps, 0)  # type: ignore[method-assign]  # no answer came
    await work.run([record(0)])
    work.ownership.settle = settle  # type: ignore[method-assign]
    assert (await work.run([record(0), record(1)])).offsets == {AT: 2}
    assert (await counts(probe))["applied"] == 2


async def test_a_unit_that_ends_behind_a_release_hides_no_hole(probe: Probe, pool: Pool) -> None:
    """What was in hand is folded although its partition is gone; what Faust brings next may lie beyond."""
    work = owner(probe, pool)
    work.ownership.holes = False
    await work.claim({AT: 0})
    await work.run([record(0)])
    work.ownership.release([AT])
    assert (await work.run([record(1)])).offsets == {AT: 2}

    with pytest.raises(Conflict, match="begins at 4, above the stored progress 2"):
        await work.run([record(4)])

    assert (await work.run([record(2), record(3)])).offsets == {AT: 4}
    assert (await counts(probe))["applied"] == 4
