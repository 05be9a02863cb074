# SPDX-License-Identifier: Apache-2.0
"""That a planted defect is the one it is named after, and does no other damage."""

from collections.abc import AsyncIterator
from unittest.mock import patch

import pytest

from chassis.database import open_pool
from chassis.streams.message import Partition, Record
from chassis.unit.outbox import Partitions
from chassis.unit.work import UnitOfWork
from tests.integration.chassis.conftest import made_probe
from tests.integration.chassis.probe.feed import consumed, result
from tests.integration.chassis.probe.handler import Tally
from tests.integration.chassis.probe.running import Probe, counts, histories
from tests.integration.databases import Databases
from tests.prove.defects import acknowledge_before_commit

AT = Partition("t", 0)
RECORDS = [consumed(AT, offset, result(offset, "l1")) for offset in range(4)]


@pytest.fixture
async def probe(broker: str, databases: Databases) -> AsyncIterator[Probe]:
    async with made_probe(broker, databases) as probe:
        yield probe


@pytest.fixture
async def work(probe: Probe) -> AsyncIterator[UnitOfWork]:
    """Make a unit of work that acknowledges before it commits."""
    pool = await open_pool(probe.consume, 3)
    acknowledge_before_commit()
    work = UnitOfWork(pool, Tally(probe.consumer, "t", "t.out"), Partitions(3, {}))
    await work.claim({AT: 0})
    yield work
    patch.stopall()
    await pool.close()


async def test_what_acknowledges_before_it_commits_does_its_work_while_it_lives(
    probe: Probe, work: UnitOfWork
) -> None:
    assert (await work.run(RECORDS[:2])).offsets == {AT: 2}
    assert (await work.run(RECORDS[2:])).offsets == {AT: 4}
    again, ignored = consumed(AT, 4, result(0, "l1")), consumed(AT, 5, result(5, "l1", "ignored"))
    junk = Record(AT, 6, b"probe-a/l2", b"junk", (), 0)
    assert (await work.run([again, ignored, junk])).offsets == {AT: 7}
    assert await counts(probe) == {
        "applied": 4,
        "duplicate": 1,
        "ignored": 1,
        "parked": 0,
        "dead_lettered": 1,
    }
    assert await histories(probe) == {"probe-a/l1": ".e0.e1.e2.e3"}


async def test_what_acknowledges_before_it_commits_loses_what_it_dies_over(
    probe: Probe, work: UnitOfWork
) -> None:
    await work.run(RECORDS[:2])
    with (
        patch.object(UnitOfWork, "fold", side_effect=ConnectionError("it dies here")),
        pytest.raises(ConnectionError),
    ):
        await work.run(RECORDS[2:3])
    assert await work.claim({AT: 0}) == {AT: 3}
    await work.run(RECORDS[3:])
    assert await histories(probe) == {"probe-a/l1": ".e0.e1.e3"}
