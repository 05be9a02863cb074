# SPDX-License-Identifier: Apache-2.0
"""Plan and make the topics on a broker.

Nothing at all is done while one topic is refused. Two who apply at the same time do no harm.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, assert_never

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from cairn.brokers import Bootstrap, connection
from cairn.topics.catalogue import DEFAULT_PARTITIONS, all_topics
from cairn.topics.plan import Alter, Create, Existing, Plan, Refuse, Step, compare

# DescribeConfigs, ConfigSource: set for this topic, not inherited from the broker.
_SET_FOR_TOPIC = 1
_BROKERS_DEFAULT = -1
_BETWEEN_LOOKS = 0.05
_EVERYWHERE_WITHIN = 10.0


class TopicsRefusedError(Exception):
    """The topics of the broker are not what they can be made; ``plan`` names each and why."""

    def __init__(self, plan: Plan) -> None:
        """Keep the plan whose refusals stand in the way."""
        super().__init__("; ".join(f"{refusal.topic}: {refusal.reason}" for refusal in plan.refusals))
        self.plan = plan


async def plan(bootstrap: Bootstrap, sources: Iterable[str], partitions: int = DEFAULT_PARTITIONS) -> Plan:
    """Return what :func:`apply` would do; changes nothing."""
    async with _admin(bootstrap) as admin:
        return await _plan(admin, frozenset(sources), partitions)


async def apply(
    bootstrap: Bootstrap, sources: Iterable[str], partitions: int = DEFAULT_PARTITIONS, within: float = 30.0
) -> Plan:
    """Make the topics and return what was done, once every partition has its leader.

    Raises TopicsRefusedError before anything is done, and TimeoutError when the topics are not
    there after ``within`` seconds.
    """
    wanted = frozenset(sources)
    async with _admin(bootstrap) as admin:
        planned = await _plan(admin, wanted, partitions)
        if planned.refusals:
            raise TopicsRefusedError(planned)
        for step in planned.steps:
            await _take(admin, step)
        await _wait(admin, {topic.name for topic in all_topics(wanted)}, within)
        after = await _plan(admin, wanted, partitions)
        if after.refusals:  # somebody else made one of them meanwhile, with another number of partitions
            raise TopicsRefusedError(after)
    return planned


@asynccontextmanager
async def _admin(bootstrap: Bootstrap) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**connection(bootstrap), client_id="cairn-topics")
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def _plan(admin: AIOKafkaAdminClient, sources: frozenset[str], partitions: int) -> Plan:
    deadline = time.monotonic() + _EVERYWHERE_WITHIN
    while True:
        try:
            return await _plan_once(admin, sources, partitions)
        except UnknownTopicOrPartitionError:
            # One broker of several knows of a topic a moment before the one that was asked next.
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(_BETWEEN_LOOKS)


async def _plan_once(admin: AIOKafkaAdminClient, sources: frozenset[str], partitions: int) -> Plan:
    topics = all_topics(sources)
    found = await _partitions(admin)
    names = [topic.name for topic in topics if topic.name in found]
    configs = await _configs(admin, names)
    existing = {name: Existing(len(found[name]), configs[name]) for name in names}
    return compare(topics, partitions, existing)


async def _partitions(admin: AIOKafkaAdminClient) -> dict[str, list[int]]:
    """Return the leader of each partition of each topic, -1 where there is none."""
    # Asked about all topics: one asked about by name is made by a broker that makes topics by itself.
    topics = await admin.describe_topics()
    return {topic["topic"]: [each["leader"] for each in topic["partitions"]] for topic in topics}


async def _configs(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    configs: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(asked, include_synonyms=True):
        for code, reason, _kind, name, entries in response.resources:
            _raise_for(code, f"{name}: {reason}")
            configs[name] = {entry[0]: entry[1] for entry in entries if entry[3] == _SET_FOR_TOPIC}
    return configs


async def _take(admin: AIOKafkaAdminClient, step: Step) -> None:
    match step:
        case Create(topic, partitions, config):
            # aiokafka 0.14 takes the broker's default only together with an assignment, be it empty.
            new = NewTopic(
                topic, partitions, _BROKERS_DEFAULT, replica_assignments={}, topic_configs={**config}
            )
            await _create(admin, new)
        case Alter(topic, _changes, config):
            await _alter(admin, topic, config)
        case Refuse():
            message = "a refused plan is not carried out"
            raise RuntimeError(message)
        case _:
            assert_never(step)


async def _create(admin: AIOKafkaAdminClient, topic: NewTopic) -> None:
    response = await admin.create_topics([topic])
    for name, code, *reason in response.topic_errors:
        if code != TopicAlreadyExistsError.errno:
            _raise_for(code, f"{name}: {' '.join(map(str, reason))}")


async def _alter(admin: AIOKafkaAdminClient, topic: str, config: Mapping[str, str]) -> None:
    # aiokafka has only the request that sets everything else back to its default (KIP-339), hence `config`.
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs=dict(config))
    for response in await admin.alter_configs([resource]):
        for code, reason, *_ in response.resources:
            _raise_for(code, f"{topic}: {reason}")


async def _wait(admin: AIOKafkaAdminClient, names: set[str], within: float) -> None:
    missing = names
    try:
        async with asyncio.timeout(within):
            while missing := names - await _led(admin):  # noqa: ASYNC110 - metadata must be asked for
                await asyncio.sleep(_BETWEEN_LOOKS)
    except TimeoutError:
        message = f"without a leader after {within:g} s: {', '.join(sorted(missing))}"
        raise TimeoutError(message) from None


async def _led(admin: AIOKafkaAdminClient) -> set[str]:
    found = await _partitions(admin)
    return {name for name, leaders in found.items() if leaders and min(leaders) >= 0}


def _raise_for(code: int, what: str) -> None:
    if code:
        error: Any = for_code(code)
        raise error(what)
