# SPDX-License-Identifier: Apache-2.0
"""Making topics on a real broker."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from cairn.topics.apply import TopicsRefusedError, apply, plan
from cairn.topics.catalogue import all_topics, ingest_topic
from cairn.topics.plan import Alter, Create


@pytest.fixture
async def admin(broker: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=broker)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def source(admin: AIOKafkaAdminClient) -> AsyncIterator[str]:
    """Name a platform of this test alone; its topics go with it."""
    name = f"test-{uuid4()}"
    yield name
    made = [topic for topic in await admin.list_topics() if name in topic]
    if made:
        await admin.delete_topics(made)


async def test_topics_are_made_once_and_are_there_at_once(broker: str, source: str) -> None:
    planned = await plan(broker, [source])
    names = {f"ingest.{source}.v1", f"ingest.{source}.v1.dlq"}
    assert names <= {step.topic for step in planned.steps if isinstance(step, Create)}
    assert await apply(broker, [source]) == planned
    assert (await plan(broker, [source])).steps == ()
    consumer = AIOKafkaConsumer(f"ingest.{source}.v1", bootstrap_servers=broker)
    await consumer.start()
    try:
        assert {topic.name for topic in all_topics([source])} <= await consumer.topics()
        assert consumer.partitions_for_topic(f"ingest.{source}.v1") == set(range(6))
    finally:
        await consumer.stop()


async def test_only_what_differs_is_altered(broker: str, source: str, admin: AIOKafkaAdminClient) -> None:
    await apply(broker, [source])
    topic = ingest_topic(source)
    changed = {"retention.ms": "1000", "segment.ms": "60000", "cleanup.policy": "delete"}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, configs=changed)])
    await _until(broker, source, altered=True)
    (step,) = (await apply(broker, [source])).steps
    assert isinstance(step, Alter)
    assert dict(step.changes) == {"retention.ms": ("1000", topic.config["retention.ms"])}
    await _until(broker, source, altered=False)
    assert await _config(admin, topic.name, "segment.ms") == "60000"
    assert await _config(admin, topic.name, "retention.ms") == topic.config["retention.ms"]


async def test_partitions_are_never_grown_and_nothing_else_is_done(
    broker: str, source: str, admin: AIOKafkaAdminClient
) -> None:
    name = f"ingest.{source}.v1"
    await admin.create_topics([NewTopic(name, 2, 1)])
    async with asyncio.timeout(10):
        while name not in await admin.list_topics():  # noqa: ASYNC110 - a broker must be asked
            await asyncio.sleep(0.02)
    with pytest.raises(TopicsRefusedError, match="has 2 partitions, not 6") as caught:
        await apply(broker, [source])
    assert [refusal.topic for refusal in caught.value.plan.refusals] == [name]
    topics = await admin.list_topics()
    assert name in topics
    assert name + ".dlq" not in topics


async def test_two_who_apply_at_once_do_no_harm(broker: str, source: str) -> None:
    await asyncio.gather(apply(broker, [source]), apply(broker, [source]))
    assert (await plan(broker, [source])).steps == ()


async def _config(admin: AIOKafkaAdminClient, topic: str, name: str) -> str:
    (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    value: str = next(entry[1] for entry in response.resources[0][4] if entry[0] == name)
    return value


async def _until(broker: str, source: str, *, altered: bool) -> None:
    """Wait until the broker's configuration, which it takes over by and by, is or is not altered."""
    async with asyncio.timeout(10):
        while bool((await plan(broker, [source])).steps) is not altered:  # noqa: ASYNC110 - a broker must be asked
            await asyncio.sleep(0.02)
