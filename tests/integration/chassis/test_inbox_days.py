# SPDX-License-Identifier: Apache-2.0
"""The inbox forgets whole days, and a record of one of them is entered under the first that is kept."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial

import asyncpg
import pytest

from chassis.database import Pool
from chassis.streams.message import Partition
from chassis.unit import inbox_days
from chassis.unit.inbox_days import KEPT_DAYS, InboxDays
from chassis.unit.outbox import Partitions
from chassis.unit.work import UnitOfWork
from tests.integration.chassis.probe.feed import EPOCH, consumed, result
from tests.integration.chassis.probe.handler import Tally
from tests.integration.chassis.probe.running import Probe, counts, histories

AT = Partition("t", 0)
record = partial(consumed, AT)
OLD, NEW = EPOCH - timedelta(days=100), EPOCH
FIRST = (NEW - timedelta(days=KEPT_DAYS)).date()


@pytest.fixture
async def work(probe: Probe, pool: Pool) -> UnitOfWork:
    work = UnitOfWork(pool, Tally(probe.consumer, "t", "t.out"), Partitions(3, {}))
    await work.claim({AT: 0})
    return work


async def closed(pool: Pool) -> int:
    dropped: int = await pool.fetchval("select chassis.close_inbox_days($1)", KEPT_DAYS)
    return dropped


async def days(admin: asyncpg.Connection) -> Sequence[date]:
    return [row["day"] for row in await admin.fetch("select day from chassis.inbox_days() order by day")]


async def later(admin: asyncpg.Connection, **after: int) -> None:
    """Have so much time gone by since days were let go."""
    await admin.execute(
        "update chassis.inbox_kept set moved_at = moved_at - $1::interval", timedelta(**after)
    )


async def test_a_day_is_dropped_a_day_after_it_was_let_go(
    work: UnitOfWork, pool: Pool, admin: asyncpg.Connection
) -> None:
    assert await closed(pool) == 0
    await work.run([record(0, result(1, "l1", as_of=OLD)), record(1, result(2, "l2", as_of=NEW))])
    assert await closed(pool) == 0
    assert await admin.fetchval("select since from chassis.inbox_kept") == FIRST
    await later(admin, hours=23)
    assert await closed(pool) == 0
    await later(admin, hours=2)
    assert await closed(pool) == 1
    assert await days(admin) == [NEW.date()]


async def test_a_day_that_was_let_go_is_known_for_twelve_hours_more(
    probe: Probe, work: UnitOfWork, pool: Pool, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox_days, "_ANSWERS_HOLD_SECONDS", -1.0)
    await work.run([record(0, result(1, "l1", as_of=OLD)), record(1, result(2, "l2", as_of=NEW))])
    await closed(pool)
    await work.run([record(2, result(1, "l1", as_of=OLD))])
    assert (await counts(probe))["duplicate"] == 1
    await later(admin, hours=13)
    await work.run([record(3, result(3, "l1", as_of=OLD)), record(4, result(3, "l1", as_of=OLD))])
    assert (await counts(probe))["duplicate"] == 2
    assert await days(admin) == [OLD.date(), FIRST, NEW.date()]
    assert (await histories(probe))["probe-a/l1"] == ".e1.e3"


async def test_a_record_of_a_day_that_was_dropped_is_folded_once(
    probe: Probe, work: UnitOfWork, pool: Pool, admin: asyncpg.Connection
) -> None:
    await work.run([record(0, result(1, "l1", as_of=OLD)), record(1, result(2, "l2", as_of=NEW))])
    await closed(pool)
    await later(admin, days=2)
    await closed(pool)
    other = UnitOfWork(pool, Tally(probe.consumer, "t", "t.out"), Partitions(3, {}))
    await other.claim({AT: 0})
    for offset in (2, 3):
        await other.run([record(offset, result(3, "l1", as_of=OLD))])
    assert (await histories(probe))["probe-a/l1"] == ".e1.e3"
    assert (await counts(probe))["duplicate"] == 1
    assert FIRST in await days(admin)


async def test_a_process_asks_again_about_a_day_that_it_knows(
    pool: Pool, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = InboxDays(pool)
    await known.open([OLD, NEW])
    await closed(pool)
    await later(admin, days=2)
    await closed(pool)
    await known.open([OLD])
    assert known.of(OLD) == OLD.date()
    monkeypatch.setattr(inbox_days, "_ANSWERS_HOLD_SECONDS", -1.0)
    await known.open([OLD])
    assert known.of(OLD) == FIRST


async def test_whoever_finds_units_at_work_leaves_them_to_it(
    work: UnitOfWork, pool: Pool, admin: asyncpg.Connection
) -> None:
    await work.run([record(0, result(1, "l1", as_of=OLD)), record(1, result(2, "l2", as_of=NEW))])
    await closed(pool)
    await later(admin, days=2)
    async with admin.transaction():
        await admin.execute("lock table chassis.inbox in row exclusive mode")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await closed(pool)
    assert await closed(pool) == 1


async def test_neither_rest_nor_a_clock_ahead_lets_days_go(
    work: UnitOfWork, pool: Pool, admin: asyncpg.Connection
) -> None:
    """The database's clock is a hundred days ahead of these records, and nothing newer comes."""
    await work.run([record(0, result(1, "l1", as_of=OLD))])
    for _ in range(3):
        await later(admin, days=50)
        assert await closed(pool) == 0
    assert await days(admin) == [OLD.date()]


async def test_a_clock_that_was_ahead_drops_nothing_at_once(
    work: UnitOfWork, pool: Pool, admin: asyncpg.Connection
) -> None:
    await work.run([record(0, result(1, "l1", as_of=OLD)), record(1, result(2, "l2", as_of=NEW))])
    await closed(pool)
    await later(admin, days=-3)
    assert [await closed(pool) for _ in range(2)] == [0, 0]
    await later(admin, hours=25)
    assert await closed(pool) == 1
