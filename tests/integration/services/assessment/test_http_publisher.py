# SPDX-License-Identifier: Apache-2.0
"""The client's publisher at the real door: what it reads is what the door answers."""

import json
from dataclasses import replace

import pytest

from cairn.client.errors import RefusedError, UnavailableError
from cairn.client.results_http import HttpResultsPublisher
from cairn.cloudevents.structured import read_structured
from tests.integration.services.assessment.house import STRUCTURED, House, native


async def test_each_event_has_its_receipt_and_publishing_again_does_nothing_twice(house: House) -> None:
    above = {"raw": "101", "min": "0", "max": "100"}
    sent = [native(1), native(2, score=above), native(1, attempt=2)]
    events = [read_structured(json.dumps(each).encode()) for each in sent]
    async with house.client() as client:
        publisher = HttpResultsPublisher(client, house.source.name)
        first = await publisher.publish(events)
        again = await publisher.publish(events)

    assert [each.id for each in first] == [each.id for each in events]
    assert [each.outcome for each in first] == ["stored", "refused", "conflict"]
    assert first[1].field == "score"
    assert [each.outcome for each in again] == ["duplicate", "refused", "conflict"]


async def test_a_full_door_is_not_waited_for_beyond_patience(house: House) -> None:
    event = read_structured(json.dumps(native(1)).encode())
    async with house.client(backlog=0) as client:
        publisher = HttpResultsPublisher(client, house.source.name, patience=1.0)
        with pytest.raises(UnavailableError, match="HTTP 503"):
            await publisher.publish([event])


async def test_an_unknown_source_is_refused_by_name(house: House) -> None:
    event = read_structured(json.dumps(native(1)).encode())
    async with house.client() as client:
        with pytest.raises(RefusedError, match="source: is not known"):
            await HttpResultsPublisher(client, "nobody").publish([event])


async def test_a_source_ahead_of_its_rate_waits_and_loses_nothing(shared: House) -> None:
    shared.source = replace(shared.source, events_per_second=20)
    events = [read_structured(json.dumps(native(number)).encode()) for number in range(60)]
    async with shared.client() as client:
        publisher = HttpResultsPublisher(client, shared.source.name)
        first = await publisher.publish(events[:40])
        answer = await client.post(
            shared.path, content=b"not looked at", headers={"content-type": STRUCTURED}
        )
        rest = await publisher.publish(events[40:])

    assert {each.outcome for each in [*first, *rest]} == {"stored"}
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.json() == {"field": "source", "reason": "sends more than its rate"}
