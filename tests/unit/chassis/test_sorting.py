# SPDX-License-Identifier: Apache-2.0
"""Which records of a batch are folded, and how those end that are not."""

from datetime import UTC, datetime

from cairn.ids import LearnerId, TenantId
from chassis.errors import Reject
from chassis.streams.message import Message, Partition, Record
from chassis.unit.fence import Outcome
from chassis.unit.inbox import Seen
from chassis.unit.items import Item, Refused, place_of
from chassis.unit.learners import LearnerKey
from chassis.unit.parking import GAP, WAITS, Aside, Head, learner_of, outcomes_of
from chassis.unit.sorting import sort_out

NEW = Seen.NEW
BUG = Reject("is a bug")
AT = Partition("t", 0)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def record(offset: int, learner: str) -> Record:
    return Record(AT, offset, f"a/{learner}".encode(), b"", (), 0)


def key(learner: str) -> LearnerKey:
    return TenantId("a"), LearnerId(learner)


def message(offset: int, learner: str) -> Message[object]:
    tenant, one = key(learner)
    return Message(record(offset, learner), tenant, one, "s", str(offset), b"", NOW, object())


def refused(offset: int, learner: str) -> Refused:
    return Refused(record(offset, learner), key(learner), BUG)


def offsets(items: list[Message[object]] | list[Aside]) -> list[int]:
    return [item.record.offset for item in items]


def test_only_what_follows_a_refused_record_of_the_same_learner_waits() -> None:
    items: list[Item] = [message(0, "x"), refused(1, "x"), message(2, "y"), message(3, "x"), refused(4, "x")]
    found = sort_out(items, [NEW, NEW, NEW], {}, {})
    assert offsets(found.new) == [0, 2]
    ended = outcomes_of(found.asides, ())
    assert [(aside.record.offset, aside.error, outcome) for aside, outcome in ended] == [
        (1, BUG, Outcome.DEAD_LETTERED),
        (3, WAITS, Outcome.PARKED),
        (4, WAITS, Outcome.PARKED),
    ]


def test_a_record_known_to_fail_is_put_aside_with_its_error() -> None:
    items: list[Item] = [message(0, "x"), message(1, "x"), message(2, "x")]
    found = sort_out(items, [NEW] * 3, {}, {place_of(record(1, "x")): BUG})
    assert offsets(found.new) == [0]
    assert [(aside.record.offset, aside.error, aside.entered) for aside in found.asides] == [
        (1, BUG, True),
        (2, WAITS, True),
    ]


def test_everything_of_a_learner_of_whom_a_record_waits_waits_too() -> None:
    items: list[Item] = [message(0, "x"), refused(1, "x"), message(2, "y")]
    waiting = {key("x"): Head(7, "is a bug", None)}
    found = sort_out(items, [NEW, NEW], waiting, {})
    assert offsets(found.new) == [2]
    assert [outcome for _, outcome in outcomes_of(found.asides, waiting)] == [Outcome.PARKED] * 2


def test_repeats_and_conflicts_hold_nobody_up() -> None:
    items: list[Item] = [message(0, "x"), message(1, "x"), message(2, "x")]
    found = sort_out(items, [Seen.DUPLICATE, Seen.CONFLICT, NEW], {}, {})
    assert offsets(found.new) == [2]
    assert offsets(found.duplicates) == [0]
    assert offsets(found.conflicts) == [1]


def test_what_may_yet_be_read_parks_and_what_names_nobody_cannot() -> None:
    gap = Aside(record(0, "x"), key("x"), Reject(GAP))
    unknown = Aside(record(1, "y"), key("y"), Reject("unknown_major"))
    nobody = Aside(record(2, ""), None, Reject("unknown_major"))
    ended = outcomes_of([gap, unknown, nobody], ())
    assert [outcome for _, outcome in ended] == [Outcome.PARKED, Outcome.PARKED, Outcome.DEAD_LETTERED]


def test_whose_a_record_is_follows_from_its_key_alone() -> None:
    assert learner_of(b"a/x") == key("x")
    for other in (None, b"", b"a", b"a/", b"/x", b"a/x/y", b"A/x", b"\xff/x"):
        assert learner_of(other) is None
