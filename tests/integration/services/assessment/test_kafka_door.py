# SPDX-License-Identifier: Apache-2.0
"""The Kafka door on a real broker: what is committed is taken in, what is refused leaves a reference."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from chassis.health import Health
from chassis.streams.aiokafka_runner import AiokafkaRunner, ConsumerSettings
from chassis.unit import breaker
from services.assessment.app.arrival import Arrival, Candidate, read
from services.assessment.app.intake import RESULTS
from tests.integration.services.assessment.house import RECORDED, House, native, who

SECRET = "marker-77aa"
Sent: TypeAlias = tuple[bytes, list[tuple[str, bytes]]]
_LETTERS = """
select consumer, topic, "offset", field, payload from chassis.dead_letter order by id
"""
_COUNTS = "select applied, duplicate, ignored, parked, dead_lettered from chassis.fence"


async def _send(broker: str, topic: str, sent: Iterable[Sent]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker)
    await producer.start()
    for value, headers in sent:
        await producer.send_and_wait(topic, value, key=b"ada@example.org", headers=headers)
    await producer.stop()


async def _consume(house: House, broker: str, expected: int) -> None:
    """Consume until the counts add up to what was sent."""
    async with _consuming(house, broker):
        async with asyncio.timeout(60):
            while sum(map(sum, await house.look(_COUNTS))) < expected:  # noqa: ASYNC110 - another's rows
                await asyncio.sleep(0.1)


@asynccontextmanager
async def _consuming(house: House, broker: str) -> AsyncIterator[Health]:
    health = Health()
    settings = ConsumerSettings(
        bootstrap=broker,
        group=f"intake-{house.source.name}",
        topics=(house.source.topic,),
        isolation="read_committed",
    )
    stop = asyncio.Event()
    task = asyncio.create_task(AiokafkaRunner(settings, house.intake_work(), health).run(stop))
    try:
        yield health
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


def _structured(event: dict[str, Any]) -> Sent:
    return json.dumps(event).encode(), [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def _binary(event: dict[str, Any]) -> Sent:
    names = ("specversion", "id", "source", "type")
    headers = [(f"ce_{name}", event[name].encode()) for name in names]
    return json.dumps(event["data"]).encode(), headers


@pytest.fixture
async def topic(house: House, broker: str) -> AsyncIterator[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    await admin.create_topics([NewTopic(house.source.topic, 1, 1)])
    yield house.source.topic
    await admin.delete_topics([house.source.topic])
    await admin.close()


async def test_records_of_either_mode_are_taken_in_and_bad_ones_leave_a_reference(
    house: House, broker: str, topic: str
) -> None:
    sent = [
        _structured(native(1, learner=who("ada"))),
        _binary(native(2, learner=who("bob"))),
        _structured(native(1, learner=who("ada"))),
        _structured(native(1, learner=who("ada"), attempt=2)),
        _binary({**native(3), "type": RECORDED.replace(".v1", ".v2")}),
        (f'{{"id": "{SECRET}"'.encode(), [("content-type", b"application/cloudevents+json")]),
        (b"\xff\xfe" + SECRET.encode(), []),
        _structured(native(4, tenant=SECRET)),
    ]
    await _send(broker, topic, sent)
    await _consume(house, broker, len(sent))
    assert [tuple(row) for row in await house.look(_COUNTS)] == [(2, 1, 0, 0, 5)]
    assert len(await house.outbox(RESULTS)) == 2
    letters = await house.outbox(topic + ".dlq")
    told = [json.loads(letter.value or b"") for letter in letters]
    assert [(each["verdict"], each["field"]) for each in told] == [
        ("conflict", "id"),
        ("refused", "type"),
        ("refused", "value"),
        ("refused", "specversion"),
        ("refused", "tenant"),
    ]
    assert told[1]["reason"] == "unknown_major"
    assert all(letter.key is None for letter in letters)
    found = await house.look(_LETTERS)
    assert [tuple(row) for row in found] == [
        ("intake", topic, offset, each["field"], each["payload"])
        for offset, each in zip((3, 4, 5, 6, 7), told, strict=True)
    ]
    stored = {str(row[0]) for row in await house.look("select id from assessment.raw_payload")}
    assert {each["payload"] for each in told} < stored
    everything = await house.everything()
    assert SECRET not in everything
    assert "ada@example.org" not in everything


async def test_a_bad_deployment_stops_at_the_breaker(
    house: House, broker: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It raises at every second record: their bytes are kept, and the mended one goes on behind them."""
    events = [native(number, learner=who(f"{SECRET}{number}")) for number in range(100)]
    await _send(broker, topic, map(_structured, events))

    def raising(arrival: Arrival, *rest: Any) -> Candidate:
        candidate = read(arrival, *rest)
        if int(candidate.event.source_event_id[1:]) % 2:
            raise KeyError(arrival.raw)
        return candidate

    monkeypatch.setattr("services.assessment.app.intake.read", raising)
    async with _consuming(house, broker) as health:
        async with asyncio.timeout(60):
            while "breaker" not in str(health.report()):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.1)
        assert not health.ready
    ((applied, *others, dead_lettered),) = await house.look(_COUNTS)
    assert (applied, others, dead_lettered) == (breaker.MOST_BUGS, [0, 0, 0], breaker.MOST_BUGS)
    letters = [json.loads(letter.value or b"") for letter in await house.outbox(topic + ".dlq")]
    assert {letter["reason"].partition(" in ")[0] for letter in letters} == {"raised KeyError"}
    kept = await house.look(
        "select count(*) from assessment.raw_payload where id::text = any ($1)",
        [each["payload"] for each in letters],
    )
    assert kept[0][0] == breaker.MOST_BUGS
    assert SECRET not in await house.everything()

    monkeypatch.undo()
    async with house.serve.acquire() as connection:
        assert await breaker.resume(connection, "intake")
    await _consume(house, broker, len(events))
    assert [tuple(row) for row in await house.look(_COUNTS)] == [(80, 0, 0, 0, 20)]
    await _send(broker, topic, [_structured(event) for event in events[1:40:2]])
    await _consume(house, broker, len(events) + breaker.MOST_BUGS)
    assert [tuple(row) for row in await house.look(_COUNTS)] == [(100, 0, 0, 0, 20)]
    assert len(await house.outbox(RESULTS)) == len(events)


async def test_one_record_at_which_reading_raises_holds_up_nobody(
    house: House, broker: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _send(broker, topic, [_structured(native(number, learner=who("ada"))) for number in range(5)])

    def raising(arrival: Arrival, *rest: Any) -> Candidate:
        candidate = read(arrival, *rest)
        if candidate.event.source_event_id == "e2":
            raise RecursionError
        return candidate

    monkeypatch.setattr("services.assessment.app.intake.read", raising)
    await _consume(house, broker, 5)
    assert [tuple(row) for row in await house.look(_COUNTS)] == [(4, 0, 0, 0, 1)]
