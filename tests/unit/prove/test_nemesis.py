# SPDX-License-Identifier: Apache-2.0
"""How nemesis deals a story out."""

from collections import defaultdict
from collections.abc import AsyncIterator
from itertools import chain
from unittest.mock import AsyncMock, Mock

from cairn.client.errors import FailedError
from cairn.operations.v1.waiting_record_pb2 import WaitingRecord, WaitingState
from tests.prove.cases import sufferings
from tests.prove.discarding import discard_all
from tests.prove.faults import FAULTS
from tests.prove.feeding import parts
from tests.prove.nemesis import held_back, re_evaluated_per_second, tried
from tests.prove.story import story

EVENTS = story(2000, 1).events


def test_parts_are_the_whole_in_its_order() -> None:
    dealt = list(parts(EVENTS, 24))
    assert len(dealt) == 24
    assert list(chain.from_iterable(dealt)) == list(EVENTS)
    assert max(map(len, dealt)) - min(map(len, dealt)) <= 1


def test_what_is_held_back_says_nothing_in_another_order_under_one_id() -> None:
    now, late = held_back(EVENTS)
    assert 20 <= len(late) <= 80
    assert len(now) + len(late) == len(EVENTS)
    told, again = defaultdict(list), defaultdict(list)
    for event in EVENTS:
        told[event.id].append(event)
    for event in chain(now, late):
        again[event.id].append(event)
    assert told == again
    assert any(len(same) > 1 for same in told.values())


def test_the_report_tells_in_how_many_rounds_a_fault_was_to_meet_work() -> None:
    long, short = (
        {each.planted: tried(each) for each in sufferings("", n, short=False)} for n in (200_000, 6000)
    )
    assert (long[None].due, long[None].least) == (2, 1)
    assert (short[None].due, short[None].least) == (1, 1)
    assert long["no_fence"].due == len(FAULTS)


def test_a_publication_that_comes_early_is_as_slow_as_one_that_comes_late() -> None:
    early, late = (
        ["zombie", "publication", "poison", "sigkill"],
        ["zombie", "poison", "sigkill", "publication"],
    )
    assert re_evaluated_per_second(27_000, late) == 27_000 // 9 // 15
    assert re_evaluated_per_second(27_000, early) == 27_000 // 9 // 15 // 2
    assert re_evaluated_per_second(27_000, early + late) == 27_000 // 9 // 15
    assert re_evaluated_per_second(1000, early) == 10


async def test_what_is_never_discarded_is_told_and_does_not_go_on_for_ever() -> None:
    async def waiting(*_: object, **__: object) -> AsyncIterator[WaitingRecord]:
        yield WaitingRecord(name="first", state=WaitingState.WAITING_STATE_DEAD_LETTERED)

    operations = Mock(waiting=waiting, discard=AsyncMock(side_effect=FailedError("broken", "INTERNAL")))
    assert await discard_all(operations, within=0.05) == 1
