# SPDX-License-Identifier: Apache-2.0
"""What no record brings, a re-evaluation does: with the same events, and to the same end."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from chassis.database import Pool, open_pool
from chassis.relay.lease import take_lease
from chassis.schedule.due_rows import DueRows
from chassis.schedule.scans import Scans, ScanSettings
from chassis.streams.message import Record
from services.assessment.adapters.affected import AFFECTED
from services.assessment.app.concluding import COMPETENCY_EVENTS
from services.assessment.app.intake import RESULTS
from services.assessment.app.results import REEVALUATIONS
from tests.integration.services.assessment.house import PARTITIONS, POLICY, House, cut, native, who

ONE, TWO = "https://example.org/activity/1", "https://example.org/activity/2"
THREE = "https://example.org/activity/3"
EXPIRING = POLICY.replace("version: 1", "version: 1\nvalid_for_months: 1")
SECOND = POLICY.replace("version: 1", "version: 2").replace("activity/1", "activity/3")
OTHER = POLICY.replace("algebra", "geometry")
HIGH = {"raw": "90", "min": "0", "max": "100"}


@pytest.fixture
async def schedule(house: House) -> AsyncIterator[Pool]:
    pool = await open_pool(house.dsns["schedule"], 2)
    yield pool
    await pool.close()


async def fold(house: House, topic: str, size: int = 500) -> None:
    """Fold all that was ever published on a topic; what was folded before is skipped by its offset."""
    work = house.results_work()
    records = sorted(await house.outbox(topic), key=lambda record: (record.at.number, record.offset))
    for batch in cut(records, size):
        await work.run(batch)


async def tell(schedule: Pool) -> None:
    lease = await take_lease(schedule, uuid4().hex, "one", timedelta(minutes=1))  # type: ignore[arg-type]
    assert lease is not None
    await DueRows(schedule, "assessment", PARTITIONS).turn(lease)


async def scan(schedule: Pool, chunk: int = 7, turns: int = 100) -> None:
    """Scan so many chunks, each by a process that knows nothing of the one before."""
    lease = await take_lease(schedule, uuid4().hex, "one", timedelta(minutes=1))  # type: ignore[arg-type]
    assert lease is not None
    for _ in range(turns):
        await Scans(schedule, PARTITIONS, ScanSettings("assessment", AFFECTED, 1000, chunk)).turn(lease)


async def emitted(house: House) -> list[dict[str, Any]]:
    return [json.loads(record.value or b"") for record in await house.outbox(COMPETENCY_EVENTS)]


async def attainments(house: House) -> list[tuple[Any, ...]]:
    rows = await house.look(
        "select learner, competency, status, score, achieved_on, valid_until, policy_version"
        " from assessment.attainment order by 1, 2"
    )
    return [tuple(row) for row in rows]


def concluded(after: list[tuple[Any, ...]], before: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Leave out what only an earlier version concluded: once published, it is withdrawn and not absent."""
    subjects = {row[:2] for row in before}
    gone = [row for row in after if row[:2] not in subjects]
    assert {row[2] for row in gone} <= {"withdrawn"}
    return [row for row in after if row not in gone]


async def forget(house: House) -> None:
    await house.look(
        "truncate assessment.result, assessment.retraction, assessment.attainment, chassis.inbox,"
        " chassis.learner, chassis.due, chassis.fence, chassis.scan"
    )
    await house.look("delete from chassis.outbox where topic <> $1", RESULTS)


async def ended(house: House) -> Counter[str]:
    """Return how the re-evaluations ended."""
    rows = await house.look(
        "select applied, duplicate, ignored, parked, dead_lettered from chassis.fence where topic = $1",
        REEVALUATIONS,
    )
    return sum((Counter(dict(row)) for row in rows), Counter())


async def test_a_lapse_that_the_scheduler_brings_is_the_one_that_a_record_brings(
    house: House, schedule: Pool
) -> None:
    await house.publish(EXPIRING)
    await house.post(native(1, activity=TWO, score=HIGH, occurred_at="2026-02-15T10:00:00Z"))
    await fold(house, RESULTS)
    await tell(schedule)
    await fold(house, REEVALUATIONS)
    told = await emitted(house)
    assert [each["status"] for each in told] == ["demonstrated", "lapsed"]
    assert datetime.fromisoformat(told[1]["as_of"]) == datetime(2026, 3, 16, tzinfo=UTC)
    assert await house.look("select * from chassis.due") == []
    assert await ended(house) == Counter(applied=1)

    await forget(house)
    house.now = house.now.replace(month=4)
    await house.post(native(2, activity="https://example.org/activity/other"))
    await fold(house, RESULTS)
    assert await emitted(house) == told


async def test_an_attainment_lapses_although_its_policy_is_out_of_force(house: House, schedule: Pool) -> None:
    await house.publish(EXPIRING.replace("version: 1", "version: 1\neffective_to: 2026-03-10"))
    await house.post(native(1, activity=TWO, score=HIGH, occurred_at="2026-02-15T10:00:00Z"))
    await fold(house, RESULTS)
    await tell(schedule)
    await fold(house, REEVALUATIONS)
    assert [(each["status"], each["policy"]["version"]) for each in await emitted(house)] == [
        ("demonstrated", 1),
        ("lapsed", 1),
    ]


async def test_a_day_that_ends_later_than_was_thought_is_waited_for(house: House, schedule: Pool) -> None:
    await house.publish(EXPIRING)
    await house.post(native(1, activity=TWO, score=HIGH, occurred_at="2026-02-15T10:00:00Z"))
    await fold(house, RESULTS)
    house.zones[house.tenant] = ZoneInfo("America/St_Johns")
    await tell(schedule)
    await fold(house, REEVALUATIONS)
    assert [each["status"] for each in await emitted(house)] == ["demonstrated"]
    await tell(schedule)
    await fold(house, REEVALUATIONS)
    told = await emitted(house)
    assert [each["status"] for each in told] == ["demonstrated", "lapsed"]
    assert datetime.fromisoformat(told[1]["as_of"]) == datetime(2026, 3, 16, 2, 30, tzinfo=UTC)


async def test_a_timer_that_a_record_has_fired_already_needs_nothing(house: House, schedule: Pool) -> None:
    await house.publish(EXPIRING)
    await house.post(native(1, activity=TWO, score=HIGH, occurred_at="2026-02-15T10:00:00Z"))
    await fold(house, RESULTS)
    await tell(schedule)
    house.now = house.now.replace(month=4)
    await house.post(native(2, activity="https://example.org/activity/other"))
    await fold(house, RESULTS)
    before = await emitted(house)
    await fold(house, REEVALUATIONS)
    assert await emitted(house) == before
    assert await ended(house) == Counter(ignored=1)


async def test_a_learner_s_time_does_not_go_back_to_a_timer(house: House, schedule: Pool) -> None:
    await house.publish(EXPIRING)
    await house.post(native(1, activity=TWO, score=HIGH, occurred_at="2026-02-15T10:00:00Z"))
    await fold(house, RESULTS)
    await tell(schedule)
    await house.look("update chassis.learner set as_of = '2026-05-01'")
    await fold(house, REEVALUATIONS)
    assert [row[0] for row in await house.look("select as_of from chassis.learner")] == [
        datetime(2026, 5, 1, tzinfo=UTC)
    ]
    assert await ended(house) == Counter(applied=1)


def results(chance: Random, numbers: range) -> list[dict[str, Any]]:
    return [
        native(
            number,
            learner=who(f"p{chance.randrange(40)}"),
            activity=chance.choice([ONE, TWO, THREE]),
            score={"raw": str(chance.randrange(101)), "min": "0", "max": "100"},
            occurred_at=f"2026-02-{chance.randrange(1, 28):02}T10:00:00Z",
        )
        for number in numbers
    ]


@pytest.mark.parametrize("size", [1, 500])
async def test_published_after_the_facts_is_as_published_before_them(
    house: House, schedule: Pool, size: int
) -> None:
    await house.post(*results(Random(5), range(300)))
    await house.publish(POLICY)
    await house.publish(SECOND, OTHER)
    await fold(house, RESULTS)
    before = await attainments(house)
    assert await house.look("select * from chassis.scan") == [], "nobody was there to be scanned for"

    await forget(house)
    await house.look("truncate assessment.policy, assessment.competency")
    await house.publish(POLICY)
    await fold(house, RESULTS)
    assert await attainments(house) != before
    await house.publish(SECOND, OTHER)
    await scan(schedule)
    await fold(house, REEVALUATIONS, size)
    assert concluded(await attainments(house), before) == before
    revised = [each for each in await emitted(house) if each["policy"]["version"] == 2]
    assert {each["supersedes"] is not None for each in revised if each["revision"] > 1} == {True}


async def test_a_scan_broken_off_half_way_misses_nobody_while_facts_flow(
    house: House, schedule: Pool
) -> None:
    chance = Random(9)
    first, meanwhile = results(chance, range(200)), results(chance, range(200, 320))
    await house.post(*first)
    await house.publish(POLICY)
    await fold(house, RESULTS)
    await house.publish(SECOND)
    await scan(schedule, chunk=5, turns=3)
    await house.post(*meanwhile)
    await fold(house, RESULTS, 13)
    await fold(house, REEVALUATIONS)
    await scan(schedule, chunk=5)
    await fold(house, REEVALUATIONS)
    found = await attainments(house)
    assert {row[6] for row in found} == {2}
    looked = await house.look("select looked_at, finished_at is not null from chassis.scan")
    assert [tuple(row) for row in looked] == [(len(await house.look("select * from chassis.learner")), True)]

    await forget(house)
    await fold(house, RESULTS)
    before = await attainments(house)
    assert concluded(found, before) == before, "the same as if the policy had stood before the first fact"


async def test_what_stands_at_the_epoch_is_skipped_and_who_is_not_affected_is_not_told(
    house: House, schedule: Pool
) -> None:
    await house.post(native(1, activity=TWO, score=HIGH), native(2, activity=THREE, learner=who("b")))
    await house.publish(POLICY)
    await fold(house, RESULTS)
    await house.publish(POLICY.replace("version: 1", "version: 2"))
    await house.post(native(3, activity=ONE, score=HIGH))
    await fold(house, RESULTS)
    told = await emitted(house)
    await scan(schedule)
    records: list[Record] = await house.outbox(REEVALUATIONS)
    assert len(records) == 1, "the other learner has no result that the policy counts"
    await fold(house, REEVALUATIONS)
    assert await emitted(house) == told
    assert await ended(house) == Counter(ignored=1)


async def test_who_was_concluded_of_a_day_before_the_version_is_not_passed_over(
    house: House, schedule: Pool
) -> None:
    """A record of before the version comes to be folded after its publication: it bears the new epoch."""
    await house.publish(POLICY)
    await house.post(native(2, activity=THREE, learner=who("b")))
    await fold(house, RESULTS)
    await house.post(native(1, activity=TWO, score=HIGH))
    later = POLICY.replace("version: 1", "version: 2\neffective_from: 2026-06-01").replace('"0.40"', '"0.95"')
    await house.publish(later)
    await fold(house, RESULTS)
    assert [each["policy"]["version"] for each in await emitted(house)] == [1]

    await scan(schedule)
    await fold(house, REEVALUATIONS)

    assert [each["policy"]["version"] for each in await emitted(house)] == [1, 2]
    await scan(schedule)
    await fold(house, REEVALUATIONS)
    assert len(await emitted(house)) == 2
