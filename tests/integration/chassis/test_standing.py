# SPDX-License-Identifier: Apache-2.0
"""What stands in a database is told as it is, and no longer once it is not."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import asyncpg
import pytest

from chassis import metrics
from chassis.database import Pool, open_pool
from chassis.metric_catalogue import (
    BREAKER,
    BROKER_ANSWERED,
    DATABASE_ANSWERED,
    DEAD_LETTERS,
    DUE_AGE,
    INBOX_ROWS,
    LAG,
    LOSSES,
    OUTBOX_AGE,
    OUTBOX_ROWS,
    PARKED_LEARNERS,
    PARKED_RECORDS,
    PAUSED,
    PUBLICATIONS,
    SCANNED,
    SCANS,
    Metric,
)
from chassis.operations import standing
from chassis.operations.standing import StandingWatch
from chassis.streams import lag
from chassis.streams.lag import LagWatch
from chassis.streams.message import Partition
from chassis.unit.ownership import Ownership
from tests.integration.chassis.probe.feed import feed, result
from tests.integration.chassis.probe.handler import Tally
from tests.integration.chassis.probe.running import Probe, eventually, settings_of

Told = Mapping[str, Mapping[tuple[str, ...], float]]
_FILLED = """
insert into chassis.outbox (tenant, topic, partition, headers, created_at)
values ('probe-a', 'topic', 0, '[]', now() - interval '90 s'), ('probe-b', 'topic', 1, '[]', now());
insert into chassis.due (tenant, learner, at, kind, ref) values
    ('probe-a', 'l1', now() - interval '400 s', 'lapse', 'c'),
    ('probe-b', 'l2', now() + interval '1 day', 'lapse', 'c');
insert into chassis.parked
    (tenant, consumer, learner, topic, partition, "offset", headers, sent_at, outcome, reason, field, entered)
values
    ('probe-a', 'one', 'l1', 'topic', 0, 1, '[]', 0, 'dead_lettered', 'is not right', '', true),
    ('probe-a', 'one', 'l1', 'topic', 0, 2, '[]', 0, 'parked', 'waits', '', true),
    ('probe-b', 'one', 'l2', 'topic', 0, 3, '[]', 0, 'parked', 'revision_gap', '', true);
insert into chassis.dead_letter
    (tenant, consumer, learner, topic, partition, "offset", reason, field, payload)
values ('probe-b', 'two', '', 'topic', 0, 4, 'conflict', '', '');
insert into chassis.breaker (consumer, open_since, paused_by)
values ('one', now(), null), ('two', now(), 'anna'), ('three', null, null);
insert into chassis.rule_epoch (tenant, epoch) values ('probe-a', 3), ('probe-b', 2);
insert into chassis.scan (tenant, epoch, nodes, as_of, looked_at, paused, finished_at) values
    ('probe-a', 2, '{}', now(), 7, false, null), ('probe-a', 3, '{}', now(), 5, true, null),
    ('probe-b', 2, '{}', now(), 100, false, now());
"""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    held: dict[str, dict[tuple[str, ...], float]] = {}
    monkeypatch.setattr(metrics, "_held", held)
    return held


@pytest.fixture
async def pool(probe: Probe) -> AsyncIterator[Pool]:
    pool = await open_pool(probe.serve, 1)
    yield pool
    await pool.close()


def of(told: Told, metric: Metric) -> Mapping[tuple[str, ...], float]:
    return told[metric.name]


async def test_all_that_stands_is_told_over_all_institutions(probe: Probe, pool: Pool, told: Told) -> None:
    connection = await asyncpg.connect(probe.admin)
    await connection.execute(_FILLED)
    await _look(pool)

    assert of(told, OUTBOX_ROWS) == {(): 2}
    assert 90 <= of(told, OUTBOX_AGE)[()] < 150
    assert 400 <= of(told, DUE_AGE)[()] < 460
    assert of(told, PARKED_LEARNERS) == {("one",): 2}
    assert of(told, PARKED_RECORDS) == {("one",): 3}
    assert of(told, DEAD_LETTERS) == {("one", "is not right"): 1, ("two", "conflict"): 1}
    assert of(told, BREAKER) == {("one",): 1, ("two",): 0, ("three",): 0}
    assert of(told, PAUSED) == {("one",): 0, ("two",): 1, ("three",): 0}
    assert of(told, PUBLICATIONS) == {(): 5}
    assert of(told, SCANS) == {("running",): 1, ("paused",): 1}
    assert of(told, SCANNED) == {(): 12}
    assert of(told, LOSSES) == {}
    assert of(told, INBOX_ROWS)[()] >= 0
    assert of(told, DATABASE_ANSWERED)[()] > 0

    await connection.execute(
        "delete from chassis.outbox; delete from chassis.parked; delete from chassis.due"
    )
    await connection.close()
    await _look(pool)

    assert (of(told, OUTBOX_ROWS), of(told, OUTBOX_AGE), of(told, DUE_AGE)) == ({(): 0}, {(): 0}, {(): 0})
    assert of(told, PARKED_LEARNERS) == {}
    assert of(told, DEAD_LETTERS) == {("two", "conflict"): 1}


async def test_a_database_that_is_gone_leaves_what_was_told(
    pool: Pool, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _look(pool)
    answered = of(told, DATABASE_ANSWERED)[()]
    monkeypatch.setattr(standing, "_STANDING", "select pg_terminate_backend(pg_backend_pid())")
    await _look(pool)

    assert of(told, OUTBOX_ROWS) == {(): 0}
    assert of(told, DATABASE_ANSWERED)[()] == answered


async def test_a_lag_is_told_of_what_is_owned_and_of_nothing_else(
    probe: Probe, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lag, "_LOOK_SECONDS", 0.3)
    events = [result(number, f"l{number}") for number in range(40)]
    await feed(probe.bootstrap, probe.topic, events)
    connection = await asyncpg.connect(probe.admin)
    ownership = Ownership(probe.consumer)
    await ownership.claim(connection, {Partition(probe.topic, 0): 1})
    settings = settings_of(probe, Tally(probe.consumer, probe.topic, probe.published), 500)
    stop = asyncio.Event()
    watching = asyncio.create_task(LagWatch(settings, ownership).run(stop))

    async def of_the_first() -> bool:
        return set(told.get(LAG.name, {})) == {(probe.consumer, probe.topic, "0")}

    await eventually(of_the_first)
    assert (probe.consumer,) in of(told, BROKER_ANSWERED)
    ownership.release([Partition(probe.topic, 0)])
    await ownership.claim(connection, {Partition(probe.topic, number): 0 for number in (1, 2)})

    async def of_the_others() -> bool:
        return {labels[2] for labels in told[LAG.name]} == {"1", "2"}

    await eventually(of_the_others)
    assert 0 < sum(of(told, LAG).values()) < len(events)
    stop.set()
    await watching
    await connection.close()


async def _look(pool: Pool) -> None:
    stop = asyncio.Event()
    watching = asyncio.create_task(StandingWatch(pool).run(stop))
    await asyncio.sleep(0.5)
    stop.set()
    await watching
