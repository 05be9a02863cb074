# SPDX-License-Identifier: Apache-2.0
"""The judge's own checks, each shown to fail."""

from cairn.topics.catalogue import DEFAULT_PARTITIONS
from chassis.streams.message import Partition, Record
from chassis.unit.outbox import partition_of
from tests.e2e.topics import Carried
from tests.prove.applied import Applied
from tests.prove.comparing import ambiguous, flipped_back, misplaced, reordered, unlike
from tests.prove.consumers import DOWNSTREAM
from tests.prove.findings import Tried, raised

AT = Partition("competency.events.v1", 0)


def event(name: str, *, key: bytes = b"k", said: bytes = b"{}") -> Carried:
    """Return a record that carries one event."""
    return Carried(key, (("ce_source", b"s"), ("ce_id", name.encode())), said)


def test_a_repeat_that_says_something_else_is_named() -> None:
    first, again, other = event("1"), event("1"), event("1", said=b"[]")
    assert list(ambiguous([first, again])) == []
    assert list(ambiguous([first, other])) == [(b"s", b"1")]


def test_two_events_that_differ_are_named_by_what_differs() -> None:
    one, other = (
        event("1", said=b'{"score": 1, "revision": 2}'),
        event("1", said=b'{"score": 3, "revision": 2}'),
    )
    assert list(unlike(one, one)) == []
    assert list(unlike(one, other)) == ["score: 1 and not 3"]


def test_another_order_under_one_key_is_named_and_a_repeat_is_none() -> None:
    one, two, elsewhere = event("1"), event("2"), event("3", key=b"other")
    assert list(reordered([one, two, one, elsewhere], [elsewhere, one, two])) == []
    assert list(reordered([two, one, elsewhere], [one, two, elsewhere])) == [b"k"]


def test_what_takes_effect_under_an_older_epoch_is_named() -> None:
    records = {(AT, offset): Record(AT, offset, b"k", b"{}", (), 0) for offset in range(2)}
    log = [Applied("recognition", AT, offset, epoch, "applied") for offset, epoch in enumerate((2, 1))]
    assert list(flipped_back(DOWNSTREAM[1], log[::-1], records)) == []
    assert len(list(flipped_back(DOWNSTREAM[1], log, records))) == 1


def test_what_stands_in_another_partition_than_its_key_s_is_named() -> None:
    at = Partition("t", partition_of(b"k", DEFAULT_PARTITIONS))
    right, wrong = at, Partition("t", (at.number + 1) % DEFAULT_PARTITIONS)
    records = {(where, 7): Record(where, 7, b"k", b"{}", (("ce_id", b"1"),), 0) for where in (right, wrong)}
    assert list(misplaced("t", records)) == [f"t: [{wrong.number}]@7 is not where its key belongs"]


def test_a_case_that_raises_is_not_proven() -> None:
    row = raised("case", Tried("faust", None, 1000), 1.0, ValueError("what it was"))
    assert not row.proven
    assert row.found[0].endswith("ValueError: what it was\n")
