# SPDX-License-Identifier: Apache-2.0
"""Three brokers: with one of them gone everything goes on, and it comes back into its place."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from functools import partial
from typing import Any

import pytest
import stamina
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from cairn.topics.apply import apply
from cairn.topics.catalogue import RESULTS
from deploy.local.stack import BUILD
from tests.prove import cluster
from tests.prove.cluster import NODES, Cluster, behind

TOPIC = RESULTS.name
# A broker that is lost is missed after some ten seconds.
WITHIN = 25
STOPPED_WITHIN = 5
ATTEMPTS = 3


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if (reason := cluster.possible()) is not None:
        pytest.skip(reason)
    with Cluster(tmp_path_factory.mktemp("cluster"), BUILD / "jars") as brokers:
        yield brokers


async def insist(step: Callable[[], Awaitable[None]]) -> None:
    """Try a step again with other clients: those that met the loss may wait for longer than it lasts."""
    async for attempt in stamina.retry_context(
        on=(TimeoutError, KafkaError), attempts=ATTEMPTS, timeout=None
    ):
        with attempt:
            await step()


async def produce(bootstrap: str, *values: bytes, within: float = WITHIN) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    try:
        async with asyncio.timeout(within):
            await producer.start()
            for partition, value in enumerate(values):
                await producer.send_and_wait(TOPIC, value, partition=partition)
    finally:
        await ended(producer.stop())


async def consume(bootstrap: str, wanted: set[bytes]) -> None:
    """Take records as a group that goes on where it was until all are there, and commit them."""
    consumer = AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=bootstrap,
        group_id="readers",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    seen: set[bytes | None] = set()
    try:
        async with asyncio.timeout(WITHIN):
            await consumer.start()
            while not wanted <= seen:
                seen.add((await consumer.getone()).value)
            await consumer.commit()
    finally:
        await ended(consumer.stop())


async def ended(stopping: Coroutine[Any, Any, None]) -> None:
    """Wait for a client to stop, but not for what it could not send."""
    await asyncio.wait([asyncio.ensure_future(stopping)], timeout=STOPPED_WITHIN)


async def setting(bootstrap: str, topic: str, name: str) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        ((_, _, _, _, entries),) = response.resources
        return next(str(entry[1]) for entry in entries if entry[0] == name)
    finally:
        await admin.close()


async def leaders_and_replicas(bootstrap: str, topic: str) -> list[tuple[int, frozenset[int]]]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        (found,) = await admin.describe_topics([topic])
        return [(each["leader"], frozenset(each["replicas"])) for each in found["partitions"]]
    finally:
        await admin.close()


@pytest.mark.timeout(400)
async def test_one_of_three_may_be_missing_and_no_more(brokers: Cluster) -> None:
    bootstrap = await asyncio.to_thread(brokers.start)
    await apply(bootstrap, [])
    places = await leaders_and_replicas(bootstrap, TOPIC)
    assert all(replicas == frozenset(NODES) for _, replicas in places)
    before = [b"before-%d" % number for number in range(6)]
    await insist(partial(produce, bootstrap, *before))
    await insist(partial(consume, bootstrap, set(before)))
    for topic in (TOPIC, "__consumer_offsets"):
        assert await setting(bootstrap, topic, "min.insync.replicas") == "2"

    leader = places[0][0]
    brokers.kill(leader)
    after = [b"after-%d" % number for number in range(6)]
    await insist(partial(produce, bootstrap, *after))
    await insist(partial(consume, bootstrap, set(after)))
    assert await behind(bootstrap) == {leader}

    other = next(node for node in NODES if node != leader)
    await asyncio.to_thread(brokers.stop_node, other)
    with pytest.raises((TimeoutError, KafkaError)):
        await produce(bootstrap, *[b"alone"] * 6, within=3)

    await asyncio.to_thread(brokers.start)
    await in_sync(bootstrap)
    await insist(partial(produce, bootstrap, *[b"together"] * 6))


async def in_sync(bootstrap: str) -> None:
    deadline = time.monotonic() + 2 * WITHIN
    while nodes := await behind(bootstrap):
        assert time.monotonic() < deadline, f"still behind: {nodes}"
        await asyncio.sleep(0.2)
