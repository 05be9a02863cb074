# SPDX-License-Identifier: Apache-2.0
"""Publishing at the HTTP door: whatever the door does, each event is answered once or the call fails."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import pytest

from cairn.client import results_http
from cairn.client.errors import DeniedError, FailedError, RefusedError, UnavailableError
from cairn.client.results_http import HttpResultsPublisher, open_http_results
from cairn.cloudevents.event import CloudEvent
from tests.integration.cairn.scripted import Reply, scripted_door

Body = list[dict[str, Any]]


def events(number: int, data: bytes = b"{}") -> list[CloudEvent]:
    return [
        CloudEvent(id=f"e{each}", source="urn:lms", type="org.cairn.ingest.result.recorded.v1", data=data)
        for each in range(number)
    ]


def stored(body: Body) -> Reply:
    return Reply(200, {"items": [{"id": each["id"], "verdict": "stored"} for each in body]})


async def test_every_event_has_its_receipt_in_order() -> None:
    def script(_attempt: int, body: Body) -> Reply:
        refused = {"id": "e1", "verdict": "refused", "field": "score.raw", "reason": "is above its maximum"}
        return Reply(200, {"items": [{"id": body[0]["id"], "verdict": "duplicate"}, refused]})

    with scripted_door(script) as door:
        async with open_http_results(door.address, "lms") as publisher:
            receipts = await publisher.publish(events(2))

    (asked,) = door.asked
    assert asked[:2] == ("/v1/sources/lms/events", "application/cloudevents-batch+json")
    assert [(each.id, each.outcome, each.field) for each in receipts] == [
        ("e0", "duplicate", ""),
        ("e1", "refused", "score.raw"),
    ]


async def test_nothing_asks_nothing() -> None:
    with scripted_door(lambda _attempt, body: stored(body)) as door:
        async with open_http_results(door.address, "lms") as publisher:
            assert await publisher.publish([]) == []

    assert door.asked == []


async def test_a_busy_door_is_asked_again_when_it_says() -> None:
    def script(attempt: int, body: Body) -> Reply:
        return Reply(503, headers=(("retry-after", "1"),)) if attempt == 1 else stored(body)

    began = time.monotonic()
    with scripted_door(script) as door:
        async with open_http_results(door.address, "lms") as publisher:
            receipts = await publisher.publish(events(3))

    assert time.monotonic() - began >= 1.0
    assert [each.outcome for each in receipts] == ["stored"] * 3
    assert len(door.asked) == 2


async def test_a_lost_answer_and_a_partial_answer_repeat_what_was_not_answered() -> None:
    def script(attempt: int, body: Body) -> Reply:
        match attempt:
            case 1:
                return Reply(None)
            case 2:
                return stored(body[:2])
            case _:
                return stored(body)

    with scripted_door(script) as door:
        async with open_http_results(door.address, "lms") as publisher:
            receipts = await publisher.publish(events(3))

    assert [each.id for each in receipts] == ["e0", "e1", "e2"]
    assert [[each["id"] for each in body] for _path, _type, body in door.asked] == [
        ["e0", "e1", "e2"],
        ["e0", "e1", "e2"],
        ["e2"],
    ]


async def test_patience_ends() -> None:
    with scripted_door(lambda _attempt, _body: Reply(503, headers=(("retry-after", "600"),))) as door:
        async with httpx2.AsyncClient(base_url=f"http://{door.address}") as client:
            with pytest.raises(UnavailableError, match="503"):
                await HttpResultsPublisher(client, "lms", patience=5.0).publish(events(1))

    assert len(door.asked) == 1


@pytest.mark.parametrize(
    ("reply", "error", "told"),
    [
        (Reply(404, {"field": "source", "reason": "is not known"}), RefusedError, "source: is not known"),
        (Reply(403), DeniedError, "403"),
        (Reply(200, {"items": [{"id": "another", "verdict": "stored"}]}), FailedError, "other events"),
        (Reply(200, {"items": [{"id": "e0", "verdict": "lost"}]}), FailedError, "promises"),
    ],
)
async def test_what_cannot_be_repeated_fails_at_once(reply: Reply, error: type[Exception], told: str) -> None:
    with scripted_door(lambda _attempt, _body: reply) as door:
        async with open_http_results(door.address, "lms") as publisher:
            with pytest.raises(error, match=told):
                await publisher.publish(events(1))

    assert len(door.asked) == 1


async def test_one_event_too_large_leaves_the_others_alone() -> None:
    def script(_attempt: int, body: Body) -> Reply:
        return Reply(413) if body[0]["id"] == "large" else stored(body)

    large = CloudEvent(id="large", source="urn:lms", type="t", data=b'"' + b"x" * (1024 * 1024) + b'"')
    first, last = events(2)
    with scripted_door(script) as door:
        async with open_http_results(door.address, "lms") as publisher:
            receipts = await publisher.publish([first, large, last])

    assert [each.outcome for each in receipts] == ["stored", "refused", "stored"]


async def test_batches_are_bounded() -> None:
    with scripted_door(lambda _attempt, body: stored(body)) as door:
        async with open_http_results(door.address, "lms") as publisher:
            receipts = await publisher.publish(events(1100))

    assert len(receipts) == 1100
    assert [len(body) for _path, _type, body in door.asked] == [500, 500, 100]


def test_retry_after_is_seconds_or_a_date() -> None:
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    wait = results_http.retry_after(in_an_hour)

    assert wait is not None
    assert 3500.0 <= wait <= 3600.0
    assert results_http.retry_after("7") == 7.0
    assert results_http.retry_after("Mon, 01 Jan 2001 00:00:00 GMT") == 0.0


@pytest.mark.parametrize("header", ["", "soon", "-1"])
def test_no_retry_after_asks_for_no_pause(header: str) -> None:
    assert results_http.retry_after(header) is None
