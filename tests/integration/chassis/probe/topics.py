# SPDX-License-Identifier: Apache-2.0
"""What operators do to the probe's topics on the broker, and what a consumer says of it."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

from tests.integration.chassis.probe.running import PARTITIONS


async def with_admin(broker: str, act: Callable[[AIOKafkaAdminClient], Awaitable[object]]) -> None:
    """Do something to the broker as its administrator."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        await act(admin)
    finally:
        await admin.close()


async def make(broker: str, topics: Sequence[NewTopic]) -> None:
    """Make topics, and return once the broker tells of all of them."""

    async def listed(admin: AIOKafkaAdminClient) -> None:
        await admin.create_topics(topics)
        await _listed(admin, {topic.name for topic in topics})

    await with_admin(broker, listed)


async def _listed(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    # The controller answers before the broker that is asked next has heard of it.
    async with asyncio.timeout(20):
        while not names <= set(await admin.list_topics()):  # noqa: ASYNC110 - a broker must be asked
            await asyncio.sleep(0.05)


def lost(said: str) -> list[int]:
    """Return how many records each range that a refusal names has."""
    return [int(last) - int(first) + 1 for first, last in re.findall(r"records (\d+) to (\d+)", said)]


async def make_again(
    broker: str, topic: str, partitions: int = PARTITIONS, config: Mapping[str, str] | None = None
) -> None:
    """Delete a topic and make it again under its name."""

    async def again(admin: AIOKafkaAdminClient) -> None:
        await admin.delete_topics([topic])
        new = NewTopic(topic, partitions, 1, topic_configs=dict(config or {}))
        async with asyncio.timeout(20):
            # The broker forgets a topic a while after it has said so.
            while await _refused(admin, new):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await _listed(admin, {topic})

    await with_admin(broker, again)


async def _refused(admin: AIOKafkaAdminClient, new: NewTopic) -> bool:
    ((_, code, *_),) = (await admin.create_topics([new])).topic_errors
    assert code in {0, TopicAlreadyExistsError.errno}
    return bool(code)
