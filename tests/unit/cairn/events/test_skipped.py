# SPDX-License-Identifier: Apache-2.0
"""Which change an event states is read as from the whole of it, and from what nobody can read as well."""

import json

import pytest

from cairn.events.catalogue import Event, dump, event_type
from cairn.events.change import change_of
from cairn.events.skipped import read_skipped
from tests.unit.cairn.events.examples import EXAMPLES, FULL

CHANGES = [event for event in FULL if change_of(event)]


@pytest.mark.parametrize("event", EXAMPLES)
def test_it_is_what_the_whole_event_says(event: Event) -> None:
    assert change_of(read_skipped(event_type(event), dump(event))) == change_of(event)


@pytest.mark.parametrize("event", CHANGES)
def test_nothing_else_need_be_readable(event: Event) -> None:
    said = json.loads(dump(event))
    of_a_change = {"tenant", "learner", "event_id", "competency", "credential", "revision"}
    other = {name: value if name in of_a_change else [] for name, value in said.items()}
    later = event_type(event).replace(".v1", ".v12")
    assert change_of(read_skipped(later, json.dumps(other).encode())) == change_of(event)


@pytest.mark.parametrize("event", CHANGES)
@pytest.mark.parametrize("data", [None, b"", b"{", b"[]", b"{}", b"\xff"])
def test_what_does_not_say_it_states_none(event: Event, data: bytes | None) -> None:
    assert read_skipped(event_type(event), data) is None
