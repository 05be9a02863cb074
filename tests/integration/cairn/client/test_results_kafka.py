# SPDX-License-Identifier: Apache-2.0
"""Publishing on an ingest topic of a real broker."""

from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from cairn.client.errors import UnavailableError
from cairn.client.results_kafka import open_kafka_results
from cairn.cloudevents.event import CloudEvent
from cairn.cloudevents.kafka import from_kafka


def event(id_: str, data: bytes) -> CloudEvent:
    return CloudEvent(id=id_, source="urn:lms", type="org.cairn.ingest.result.recorded.v1", data=data)


async def test_events_arrive_as_they_were_and_two_of_one_id_in_order(broker: str) -> None:
    source = f"lms-{uuid4()}"
    topic = f"ingest.{source}.v1"
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 3, 1)])
    await admin.close()
    sent = [event(f"e{number % 50}", b'{"n": %d}' % number) for number in range(100)]
    large = event("large", b'"' + b"x" * (2 * 1024 * 1024) + b'"')
    async with open_kafka_results(broker, source) as publisher:
        receipts = await publisher.publish([*sent, large])

    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker, auto_offset_reset="earliest")
    await consumer.start()
    got = [await consumer.getone() for _ in sent]
    await consumer.stop()

    assert [each.outcome for each in receipts] == ["sent"] * 100 + ["refused"]
    arrived = [from_kafka(each.headers, each.value) for each in got]
    assert sorted(arrived, key=lambda each: each.data or b"") == sorted(
        sent, key=lambda each: each.data or b""
    )
    for id_ in {each.id for each in sent}:
        order = [each.data for each in arrived if each.id == id_]
        assert order == [each.data for each in sent if each.id == id_]


async def test_no_broker_is_unavailable() -> None:
    with pytest.raises(UnavailableError):
        async with open_kafka_results("127.0.0.1:1", "lms"):
            pytest.fail("there is no broker")
