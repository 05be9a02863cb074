# SPDX-License-Identifier: Apache-2.0
"""Results become attainments: the same events however the records are cut, the same end in any order."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from chassis.streams.message import Partition, Record
from services.assessment.app.concluding import COMPETENCY_EVENTS
from services.assessment.app.intake import RESULTS
from tests.integration.services.assessment.house import POLICY, House, cut, native, retraction, who

ONE, TWO = "https://example.org/activity/1", "https://example.org/activity/2"
_COUNTS = "select sum(applied)::int, sum(duplicate)::int from chassis.fence"
EXPIRING = POLICY.replace("version: 1", "version: 1\nvalid_for_months: 1")


async def _fold(house: House, records: Sequence[Record], size: int) -> None:
    work = house.results_work()
    by_partition = sorted(records, key=lambda record: (record.at.number, record.offset))
    for batch in cut(by_partition, size):
        await work.run(batch)


async def _emitted(house: House) -> list[dict[str, Any]]:
    records = await house.outbox(COMPETENCY_EVENTS)
    events = [json.loads(record.value or b"") for record in records]
    return sorted(events, key=lambda event: (event["learner"], event["competency"], event["revision"]))


async def _attainments(house: House) -> list[tuple[Any, ...]]:
    rows = await house.look(
        "select learner, competency, status, score, achieved_on from assessment.attainment order by 1, 2"
    )
    return [tuple(row) for row in rows]


def _mixed(chance: Random, count: int) -> list[dict[str, Any]]:
    """Return results of a few learners with second attempts, regrades, retractions and repeats."""
    events: list[dict[str, Any]] = []
    for number in range(count):
        learner = who(f"p{chance.randrange(60)}")
        if number and chance.random() < 0.1:
            events.append(retraction(number, chance.randrange(count), learner=learner))
            continue
        score = {"raw": str(chance.randrange(101)), "min": "0", "max": "100"}
        day = f"2026-02-{chance.randrange(1, 28):02}T10:00:00Z"
        event = native(
            number, learner=learner, activity=chance.choice([ONE, TWO]), score=score, occurred_at=day
        )
        event["data"]["attempt"] = chance.randrange(1, 3)
        if chance.random() < 0.9:
            event["data"]["version"] = number
        events.append(event)
    return events


async def test_any_cut_gives_the_same_events_and_any_order_the_same_attainments(house: House) -> None:
    await house.publish(POLICY)
    await house.post(*_mixed(Random(7), 600))
    records = await house.outbox(RESULTS)
    runs = []
    for size in (1, 7, 500):
        await _forget(house)
        await _fold(house, records, size)
        runs.append((await _emitted(house), await _attainments(house)))
    assert runs[0] == runs[1] == runs[2]
    assert {row[2] for row in runs[0][1]} >= {"demonstrated", "unknown"}
    await _forget(house)
    await _fold(house, _shuffled(records), 50)
    assert await _attainments(house) == runs[0][1]


async def test_any_cut_gives_the_same_events_when_the_policy_changes_in_between(house: House) -> None:
    await house.publish(POLICY)
    before = await _post_by_the_hour(house, _mixed(Random(11), 300))
    after = await _post_by_the_hour(house, [*_taken_back_first(60), *_mixed(Random(12), 600)[300:]])
    runs = []
    for size in (1, 7, 500):
        await _forget(house)
        await house.look("delete from assessment.policy where version > 1")
        await _fold(house, before, size)
        await house.publish(POLICY.replace("version: 1", "version: 2"))
        await _fold(house, after, size)
        runs.append(await _emitted(house))
    assert {event["policy"]["version"] for event in runs[0]} == {1, 2}
    assert runs[0] == runs[1] == runs[2]


def _taken_back_first(learners: int) -> list[dict[str, Any]]:
    """Return a retraction of each learner, and then what it takes back."""
    retractions = [retraction(f"r{n}", f"t{n}", learner=who(f"p{n}")) for n in range(learners)]
    return [*retractions, *(native(f"t{n}", learner=who(f"p{n}")) for n in range(learners))]


async def _post_by_the_hour(house: House, events: Sequence[dict[str, Any]]) -> list[Record]:
    """Take events in, ten an hour, and return the records of their results."""
    known = len(await house.outbox(RESULTS))
    for begin in range(0, len(events), 10):
        await house.post(*events[begin : begin + 10])
        house.now += timedelta(hours=1)
    return (await house.outbox(RESULTS))[known:]


def _shuffled(records: Sequence[Record]) -> list[Record]:
    """Give the records of each partition other offsets."""
    chance = Random(3)
    shuffled = []
    for number in {record.at.number for record in records}:
        own = [record for record in records if record.at.number == number]
        for offset, each in enumerate(chance.sample(own, len(own))):
            shuffled.append(
                Record(
                    Partition(each.at.topic, number),
                    offset,
                    each.key,
                    each.value,
                    each.headers,
                    each.timestamp,
                )
            )
    return shuffled


async def _forget(house: House) -> None:
    await house.look(
        "truncate assessment.result, assessment.retraction, assessment.attainment,"
        " chassis.inbox, chassis.learner, chassis.due, chassis.fence"
    )
    await house.look(f"delete from chassis.outbox where topic = '{COMPETENCY_EVENTS}'")  # noqa: S608 - a constant


async def _after(house: House, *events: dict[str, Any]) -> list[dict[str, Any]]:
    """Take events in, fold all that there is, and return what has been emitted."""
    await house.post(*events)
    await _fold(house, await house.outbox(RESULTS), 500)
    return await _emitted(house)


async def test_a_regrade_and_a_retraction_lower_what_was_demonstrated(house: House) -> None:
    await house.publish(POLICY)
    first = await _after(house, native(1, activity=TWO, version=1))
    assert [(each["status"], each.get("score")) for each in first] == [("partially_attempted", None)]
    score = {"raw": "60", "min": "0", "max": "100"}
    regraded = await _after(house, native(2, activity=TWO, version=2, score=score))
    assert (regraded[-1]["status"], regraded[-1]["score"]) == ("demonstrated", "0.45")
    assert regraded[-1]["supersedes"] == regraded[-2]["event_id"]
    back = await _after(house, retraction(3, 2))
    assert back[-1]["status"] == "partially_attempted"
    gone = await _after(house, retraction(4, 1))
    assert gone[-1]["status"] == "withdrawn"
    assert [each["revision"] for each in gone] == [1, 2, 3, 4]


async def test_a_retraction_before_its_target(house: House) -> None:
    await house.publish(POLICY)
    assert await _after(house, retraction(2, 1)) == []
    told = await _after(house, native(1, activity=TWO, score={"raw": "90", "min": "0", "max": "100"}))
    assert [each["status"] for each in told] == ["withdrawn"]
    assert len(told[0]["result_ids"]) == 2


@pytest.mark.parametrize("size", [1, 500])
async def test_a_retraction_knows_nothing_of_a_target_behind_it(house: House, size: int) -> None:
    """Else a unit that holds both concludes under new policies at the first, and two at the second."""
    await house.publish(POLICY)
    await _after(house, native(1, activity=TWO))
    await house.publish(POLICY.replace("version: 1", "version: 2"))
    house.now += timedelta(hours=1)
    await house.post(retraction(3, 2))
    house.now += timedelta(hours=1)
    await house.post(native(2, activity=ONE))
    await _fold(house, (await house.outbox(RESULTS))[1:], size)
    _, told = await _emitted(house)
    assert told["policy"]["version"] == 2
    assert datetime.fromisoformat(told["as_of"]) == house.now


async def test_two_results_that_nothing_orders_are_unknown_until_one_is_taken_back(house: House) -> None:
    await house.publish(POLICY)
    high = native(1, activity=TWO, score={"raw": "90", "min": "0", "max": "100"})
    told = await _after(house, high, native(2, activity=TWO, score={"raw": "10", "min": "0", "max": "100"}))
    assert [each["status"] for each in told] == ["demonstrated", "unknown"]
    assert len(told[1]["result_ids"]) == 2
    assert (await _after(house, retraction(3, 2)))[-1]["status"] == "demonstrated"


async def test_redelivered_records_change_nothing(house: House) -> None:
    await house.publish(POLICY)
    told = await _after(house, native(1), native(2, activity=TWO, learner=who("b")))
    # The relay published twice what it did not know to be sent: other offsets, the same events.
    sent = await house.outbox(RESULTS)
    counts = Counter(each.at for each in sent)
    again = [each._replace(offset=each.offset + counts[each.at]) for each in sent]
    await _fold(house, again, 1)
    assert await _emitted(house) == told
    assert [tuple(row) for row in await house.look(_COUNTS)] == [(2, 2)]


async def test_what_the_inbox_has_forgotten_changes_nothing(house: House) -> None:
    """Results that nothing orders are in conflict, unless they are one and the same."""
    await house.publish(POLICY)
    events = [native(1, activity=TWO), native(2, learner=who("b")), retraction(3, 2, learner=who("b"))]
    told, stood = await _after(house, *events), await _attainments(house)
    await house.look("truncate chassis.inbox, chassis.fence")
    await _fold(house, await house.outbox(RESULTS), 500)
    assert await _emitted(house) == told
    assert await _attainments(house) == stood
    assert [tuple(row) for row in await house.look(_COUNTS)] == [(0, 0)]


@pytest.mark.parametrize("size", [1, 500])
async def test_an_attainment_lapses_before_the_first_record_after_its_last_day(
    house: House, size: int
) -> None:
    await house.publish(EXPIRING)
    score = {"raw": "90", "min": "0", "max": "100"}
    fresh = native(1, activity=TWO, score=score, occurred_at="2026-02-15T10:00:00Z")
    await house.post(fresh)
    house.now = house.now.replace(month=4)
    await house.post(native(2, activity="https://example.org/activity/other"))
    await _fold(house, await house.outbox(RESULTS), size)
    told = await _emitted(house)
    assert [each["status"] for each in told] == ["demonstrated", "lapsed"]
    assert datetime.fromisoformat(told[1]["as_of"]) == datetime(2026, 3, 16, tzinfo=UTC)
    assert told[1]["valid_until"] == "2026-03-15"
    assert await house.look("select * from chassis.due") == []


async def test_a_new_policy_version_holds_for_what_comes_after_it(house: House) -> None:
    first = await house.publish(POLICY)
    second = POLICY.replace("version: 1", "version: 2").replace('"0.40"', '"0.95"')
    score = {"raw": "90", "min": "0", "max": "100"}
    assert (await _after(house, native(1, activity=TWO, score=score)))[-1]["status"] == "demonstrated"
    raised = await house.publish(second)
    assert raised.epoch == first.epoch + 1
    told = await _after(house, native(2, activity=ONE, score=score))
    assert told[-1]["status"] == "attempted_not_demonstrated"
    assert told[-1]["policy"]["version"] == 2
