# SPDX-License-Identifier: Apache-2.0
"""The consumer on a real broker, under either runner."""

import asyncio
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from cairn.events.decision import DecisionMade
from chassis.health import Health
from chassis.streams.aiokafka_runner import AiokafkaRunner, ConsumerSettings
from chassis.streams.faust_runner import FaustRunner
from chassis.unit.work import UnitOfWork
from tests.integration.services.recognition.house import PARTITIONS, STACK, House, said

NUMBERS = range(40)


@pytest.mark.parametrize("runner", [AiokafkaRunner, FaustRunner])
async def test_learners_are_decided_about(
    house: House, broker: str, runner: type[AiokafkaRunner] | type[FaustRunner]
) -> None:
    await house.publish(*STACK)
    await make_topic(broker, house.topic)
    await send(house, broker)
    handler = house.handler()
    settings = ConsumerSettings(
        bootstrap=broker,
        group=f"{house.topic}-{uuid4().hex[:6]}",
        topics=handler.topics,
        batch_size=50,
        session_timeout_ms=6000,
        heartbeat_ms=500,
    )
    stop = asyncio.Event()
    work = UnitOfWork(house.consume, handler, PARTITIONS)
    running = asyncio.create_task(runner(settings, work, Health()).run(stop))
    try:
        made = await published(house, 5 * len(NUMBERS))
    finally:
        stop.set()
        await running
    for number in NUMBERS:
        assert said([each for each in made if each.learner == f"learner-{number}"]) == [
            ("m1", "conferred"),
            ("m2", "conferred"),
            ("certificate", "conferred"),
            ("m3", "conferred"),
            ("diploma", "conferred"),
        ]


async def published(house: House, count: int) -> list[DecisionMade]:
    made: list[DecisionMade] = []
    for _ in range(600):
        made = await house.decisions()
        if len(made) >= count:
            return made
        await asyncio.sleep(0.1)
    message = f"only {len(made)} decisions were published"
    raise TimeoutError(message)


async def make_topic(broker: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()


async def send(house: House, broker: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker)
    await producer.start()
    for name in ("m1", "m2", "m3"):
        for number in NUMBERS:
            record = house.record(house.changed(name, learner=f"learner-{number}"))
            await producer.send(record.at.topic, record.value, record.key, 0, headers=list(record.headers))
    await producer.stop()
