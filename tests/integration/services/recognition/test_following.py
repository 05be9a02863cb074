# SPDX-License-Identifier: Apache-2.0
"""Competency events in, decisions out, on a real database."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from cairn.events.attainment import AttainmentChanged
from cairn.events.change import Change
from cairn.ids import TenantId
from chassis.errors import Reject
from chassis.operations.names import BEGINNING
from chassis.operations.store import OperationsStore
from chassis.streams.message import Record
from chassis.unit import attempt, early
from chassis.unit.replay import Replays
from services.recognition.domain.facts import AwardState
from tests.integration.services.recognition.house import (
    DEMONSTRATED,
    LOWERED,
    NOW,
    STACK,
    House,
    competency,
    module,
    said,
)
from tests.integration.services.unreadable import changed


async def test_modules_stack_into_certificate_and_diploma(house: House) -> None:
    await house.publish(*STACK)
    made = await house.feed(*(house.changed(name) for name in ("m1", "m2", "m3")))
    assert said(made) == [
        ("m1", "conferred"),
        ("m2", "conferred"),
        ("certificate", "conferred"),
        ("m3", "conferred"),
        ("diploma", "conferred"),
    ]
    assert {each.learner for each in made} == {"alice"}
    assert set(made[2].grounds) == {made[0].decision_id, made[1].decision_id}


async def test_a_lowering_puts_under_review_what_rests_on_it(house: House) -> None:
    await house.publish(*STACK)
    await house.feed(house.changed("m1"), house.changed("m2"))
    made = await house.feed(house.changed("m2", LOWERED, 2), house.changed("m2", DEMONSTRATED, 3))
    assert said(made)[3:] == [
        ("m2", "under_review"),
        ("certificate", "under_review"),
        ("diploma", "referred"),
        ("m2", "upheld"),
        ("certificate", "upheld"),
        ("diploma", "withdrawn"),
    ]
    states = await house.stored("select credential, state, revision from recognition.award order by 1")
    assert states == [
        ("certificate", AwardState.UPHELD, 3),
        ("diploma", AwardState.WITHDRAWN, 2),
        ("m1", AwardState.CONFERRED, 1),
        ("m2", AwardState.UPHELD, 3),
    ]


async def test_a_past_revision_is_ignored_and_a_repeat_is_a_duplicate(house: House) -> None:
    await house.publish(*STACK)
    first, newer, past = house.changed("m1"), house.changed("m1", LOWERED, 2), house.changed("m1", LOWERED, 1)
    made = await house.feed(first, newer)
    assert await house.feed(past, newer) == made
    assert await outcomes(house) == (2, 1, 1, 0)


async def test_a_revision_that_came_too_early_waits_for_what_is_missing(house: House) -> None:
    await house.publish(*STACK)
    early, missing = house.changed("m1", LOWERED, 2), house.changed("m1", DEMONSTRATED, 1)
    assert await house.feed(early, house.changed("m2")) == []
    assert await outcomes(house) == (0, 0, 0, 2)
    assert said(await house.feed(missing)) == [("m1", "conferred")]
    assert await Replays(house.consume, await house.work()).next()
    assert await outcomes(house) == (3, 0, 0, 0)
    assert said(await house.decisions()) == [
        ("m1", "conferred"),
        ("m1", "under_review"),
        ("m2", "conferred"),
        ("certificate", "referred"),
        ("diploma", "referred"),
    ]


async def test_operators_see_what_waits_and_what_it_is_about(house: House) -> None:
    """Whichever way it waits, and also of a later major version; of what is not ours, nothing."""
    await house.publish(*STACK)
    early = house.record(house.changed("m1", LOWERED, 3))
    later = "org.cairn.competency.attainment.changed.v9"
    unknown = retyped(house.record(house.changed("m2", revision=2)), later)
    foreign = retyped(house.record(house.changed("m3")), "ada@example.org")
    await house.take(early, unknown, foreign)
    store = OperationsStore(house.serve)
    found = await store.waiting(house.tenant, BEGINNING, ("", ""), 10, first_only=False)
    assert [each.about for each in found] == [
        (later.replace("v9", "v1"), Change(competency("m1"), 3)),
        (later, Change(competency("m2"), 2)),
        ("", None),
    ]


def retyped(record: Record, name: str) -> Record:
    """Return a record whose event is of another type."""
    headers = {**dict(record.headers), "ce_type": name.encode()}
    return record._replace(headers=tuple(headers.items()))


async def replayed(house: House) -> int:
    """Carry out all that is asked for; return how many requests that were."""
    replays = Replays(house.consume, await house.work())
    requests = 0
    while await replays.next():
        requests += 1
    return requests


async def test_what_is_missing_is_found_however_far_behind_it_waits(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request takes three records; what the second waits for is the last of nine."""
    monkeypatch.setattr(attempt, "_MOST", 3)
    monkeypatch.setattr(early, "_CHUNK", 2)
    await house.publish(*STACK)
    others = [house.changed(f"x{number}") for number in range(6)]
    last = [house.changed("m1", LOWERED, 2), house.changed("m1")]
    await house.feed(house.changed("m9", LOWERED, 2), last[0], *others, last[1])
    assert await outcomes(house) == (0, 0, 0, 9)
    await house.feed(house.changed("m9"))
    assert 3 <= await replayed(house) <= 5
    assert await outcomes(house) == (10, 0, 0, 0)
    assert await house.stored("select * from chassis.parked") == []


async def test_who_waits_for_something_new_waits_for_it_as_the_first(house: House) -> None:
    """m1 waits in two revisions; once they are folded it is m2 that stands in the way, and heals as well."""
    await house.publish(*STACK)
    for event in (
        house.changed("m9", LOWERED, 2),
        house.changed("m1", LOWERED, 2),
        house.changed("m2", LOWERED, 2),
        house.changed("m3"),
        house.changed("m1"),
        house.changed("m9"),
    ):
        await house.feed(event)
    assert await replayed(house) == 1
    assert await outcomes(house) == (4, 0, 0, 2)
    waiting = "select reason, subject, revision from chassis.parked order by place"
    assert await house.stored(waiting) == [
        ("revision_gap", competency("m2"), 2),
        ("waits behind an earlier record of its learner", None, None),
    ]
    await house.feed(house.changed("m2"))
    assert await replayed(house) == 1
    assert await outcomes(house) == (7, 0, 0, 0)


async def test_what_waited_is_folded_in_one_order_however_many_one_request_takes(
    alike: tuple[House, House, House], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for house, most in zip(alike, (1, 2, 500), strict=True):
        monkeypatch.setattr(attempt, "_MOST", most)
        await house.publish(*STACK)
        for event in (
            house.changed("m9", LOWERED, 2),
            house.changed("m1", LOWERED, 2),
            house.changed("m2"),
            house.changed("m1"),
            house.changed("m9"),
        ):
            await house.feed(event)
        await replayed(house)
        assert await outcomes(house) == (5, 0, 0, 0)
        made.append(said(await house.decisions()))
    assert made[0] == made[1] == made[2]
    assert made[0].index(("m1", "under_review")) < made[0].index(("m2", "conferred"))


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b"attainment.changed.v1", b"attainment.changed.v2"),
        (b'"attempted_not_demonstrated"', b'"of a later version"'),
        (b'"version":1', b'"version":"first"'),
    ],
)
async def test_what_cannot_be_read_leaves_no_gap_once_it_is_discarded(
    house: House, was: bytes, now: bytes
) -> None:
    await house.publish(module("m1"))
    await house.feed(house.changed("m1"))
    unreadable = changed(house.record(house.changed("m1", LOWERED, 2)), was, now)
    behind = [house.changed("m1", DEMONSTRATED, 3), house.changed("m2")]
    await house.take(unreadable, *map(house.record, behind))
    await house.discard()

    assert await replayed(house) == 1
    assert await house.stored("select * from chassis.parked") == []
    assert await house.stored(
        "select outcome, followed, skipped_subject, skipped_revision from chassis.replay"
    ) == [("dead_lettered", 2, competency("m1"), 2)]
    known = "select competency, status, revision from recognition.attainment order by 1"
    assert await house.stored(known) == [
        (competency("m1"), "demonstrated", 3),
        (competency("m2"), "demonstrated", 1),
    ]


async def test_what_was_discarded_unread_is_unknown(house: House) -> None:
    """Until its next revision comes: nobody knows what it became (I11)."""
    await house.publish(module("m1"))
    await house.feed(house.changed("m1"))
    lowered = house.changed("m1", LOWERED, 2)
    await house.take(changed(house.record(lowered), b".v1", b".v2"))
    await house.discard()
    assert await replayed(house) == 1
    known = "select status, event_id, revision from recognition.attainment"
    assert await house.stored(known) == [("unknown", lowered.event_id, 2)]


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (b"attainment.changed.v1", b"attainment.reviewed.v1"),
        (b'"learner":"alice"', b'"learner":"bob"'),
        (b'"revision":2', b'"revision":"2"'),
        (b'{"tenant"', b'"tenant"'),
    ],
)
async def test_what_does_not_say_which_change_it_is_skips_none(house: House, was: bytes, now: bytes) -> None:
    """What comes behind it waits for what is missing, and heals when that is published again."""
    await house.publish(module("m1"))
    await house.feed(house.changed("m1"))
    lowered = house.changed("m1", LOWERED, 2)
    unreadable = changed(house.record(lowered), was, now)
    await house.take(unreadable, house.record(house.changed("m1", DEMONSTRATED, 3)))
    await house.discard()
    assert await replayed(house) == 1
    assert await house.stored("select outcome, skipped_subject, skipped_revision from chassis.replay") == [
        ("dead_lettered", None, None)
    ]
    assert await house.stored("select reason, revision from chassis.parked") == [("revision_gap", 3)]
    await house.feed(lowered)
    assert await replayed(house) == 1
    assert await house.stored("select revision from recognition.attainment") == [(3,)]


async def test_a_subject_that_no_database_can_hold_is_discarded(house: House) -> None:
    await house.publish(module("m1"))
    endless = changed(house.record(house.changed("m1")), b"competencies/m1", b"competencies/\\u0000")
    await (await house.work()).bury(endless, Reject("refused by the database"))
    await house.feed(house.changed("m2"))
    await house.discard()
    assert await replayed(house) == 1
    assert await house.stored("select outcome, followed from chassis.replay") == [("dead_lettered", 1)]
    assert await house.stored("select * from chassis.parked") == []


async def test_what_the_inbox_has_forgotten_changes_nothing(house: House) -> None:
    await house.publish(*STACK)
    events = history(house)
    made = await house.feed(*events)
    house.topic += "-again"  # a consumer of another name, whose inbox knows nothing
    assert await house.feed(*events) == made
    assert await outcomes(house) == (0, len(events), 0, 0)


@pytest.mark.parametrize("size", [1, 500])
async def test_a_unit_over_the_day_on_which_a_rule_changes_decides_as_two_do(house: House, size: int) -> None:
    """An award of the first day is determined anew on the second, by facts that none has read before."""
    both = f"""
  id: both
  all:
    - {{id: passed, competency: "{competency("m1")}"}}
    - {{id: more, competency: "{competency("m9")}"}}
"""
    head, _, _ = module("m1").partition("requirement:")
    harder = head.replace("version: 1", "version: 2\neffective_from: 2026-03-02") + f"requirement:{both}"
    await house.publish(module("m1"), harder)
    await house.feed(house.changed("m9"))
    next_day = replace(house.changed("x"), as_of=NOW + timedelta(days=1))
    assert said(await house.feed(house.changed("m1"), next_day, size=size)) == [("m1", "conferred")]
    assert await house.stored("select state, rule_version from recognition.award") == [
        (AwardState.CONFERRED, 2)
    ]


async def outcomes(house: House) -> tuple[int, ...]:
    """Return how many records were applied, ignored, duplicates and parked."""
    (counts,) = await house.stored(
        f"select applied, ignored, duplicate, parked from chassis.fence where consumer = '{house.topic}'"  # noqa: S608
    )
    return tuple(counts)


async def test_what_a_restored_assessment_says_now_holds(house: House) -> None:
    """It counts a revision again that was consumed before it was restored."""
    await house.publish(*STACK)
    await house.feed(
        house.changed("m1"), house.changed("m1", LOWERED, 2), house.changed("m1", DEMONSTRATED, 3)
    )
    made = await house.feed(house.changed("m1", DEMONSTRATED, 2), house.changed("m1", LOWERED, 3))
    assert said(made) == [
        ("m1", "conferred"),
        ("m1", "under_review"),
        ("m1", "upheld"),
        ("m1", "under_review"),
    ]


@pytest.mark.parametrize("size", [1, 3])
async def test_what_is_put_aside_moves_nobody_s_time(house: House, size: int) -> None:
    """Else what it waited for would be decided as of another day in one batch than in two."""
    await house.publish(*STACK)
    too_early = replace(house.changed("m1", LOWERED, 2), as_of=NOW + timedelta(days=1))
    await house.feed(house.changed("m2"), too_early, house.changed("m1"), size=size)
    made = await house.decisions()
    assert [(each.credential, each.as_of - NOW) for each in made[:2]] == [
        ("m2", timedelta()),
        ("m1", timedelta()),
    ]


async def test_batches_of_any_size_publish_the_same_bytes(alike: tuple[House, House, House]) -> None:
    found = []
    for house, size in zip(alike, (1, 7, 500), strict=True):
        await house.publish(*STACK)
        await house.feed(*history(house), size=size)
        found.append(canonical(await house.published()))
    assert len(found[0]) > 50
    assert found[0] == found[1] == found[2]


async def test_a_rule_version_published_later_reaches_awards_with_the_next_record(house: House) -> None:
    await house.publish(*STACK)
    await house.feed(house.changed("m1"))
    stricter = module("m1").replace("version: 1", "version: 2").split("examples")[0]
    stricter = stricter.replace("requirement: {id: passed,", 'requirement: {id: passed, min_score: "0.9",')
    assert (await house.publish(stricter)).epoch == 2
    made = await house.feed(house.changed("m2"))
    assert said(made)[1:3] == [("m1", "under_review"), ("m2", "conferred")]
    assert made[1].rule.version == 2


async def test_a_consumer_sees_no_other_tenant(house: House) -> None:
    await house.publish(*STACK)
    await house.feed(house.changed("m1"))
    assert len(await house.stored("select * from recognition.award")) == 1
    house.tenant = TenantId("elsewhere")
    assert await house.stored("select * from recognition.award") == []
    assert await house.stored("select * from recognition.rule_version") == []


def history(house: House) -> list[AttainmentChanged]:
    seeded = random.Random(3)
    revisions: dict[tuple[str, str], int] = {}
    events = []
    for _ in range(90):
        key = seeded.choice(("alice", "bob", "carol")), seeded.choice(("m1", "m2", "m3"))
        revisions[key] = revisions.get(key, 0) + 1
        status = seeded.choice((DEMONSTRATED, DEMONSTRATED, LOWERED))
        events.append(house.changed(key[1], status, min(revisions[key], 28), key[0]))
    return events


def canonical(published: list[tuple[bytes | None, list[tuple[str, bytes]], bytes | None]]) -> list[object]:
    """Everything but the trace, which begins with each run."""
    return [
        (key, [(name, text) for name, text in headers if name != "ce_traceparent"], value)
        for key, headers, value in published
    ]
