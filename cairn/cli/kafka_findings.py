# SPDX-License-Identifier: Apache-2.0
"""What an operator finds who looks at the brokers: topics, and who consumes them."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from cairn.brokers import Bootstrap, connection
from cairn.cli.service_findings import Checked, Level
from cairn.cli.services import short_name
from cairn.operations.v1.consumer_pb2 import Consumer
from cairn.topics.apply import plan
from cairn.topics.catalogue import DEFAULT_PARTITIONS
from cairn.topics.plan import Refuse, Step

_WHERE = "kafka"
_ingest = re.compile(r"ingest\.(.+)\.v1")


async def kafka_findings(bootstrap: Bootstrap, consumers: Sequence[Consumer]) -> list[Checked]:
    """Return what is found of brokers, topics and groups; brokers that do not answer are a finding.

    Which platforms there are, and how many partitions, is told by what the consumers have read so far.
    """
    try:
        planned = await plan(bootstrap, _sources(consumers), _partitions(consumers))
        groups = await _groups(bootstrap, [short_name(each) for each in consumers])
    except (KafkaError, OSError, TimeoutError) as error:
        told = f"the brokers cannot be asked ({type(error).__name__})"
        advice = "are they up, and are KAFKA_BOOTSTRAP_SERVERS and the KAFKA_TLS_ variables right?"
        return [Checked(_WHERE, "brokers", Level.ERROR, told, advice)]
    found = [_topic(step) for step in planned.steps]
    if not found:
        found = [Checked(_WHERE, "topics", Level.FINE, "every topic is as it should be")]
    return [*found, *(_group(each, groups.get(short_name(each))) for each in consumers)]


def _topic(step: Step) -> Checked:
    if isinstance(step, Refuse):
        advice = "`cairn topics plan` names all of them; its partitions decide who owns a learner"
        return Checked(_WHERE, "topics", Level.ERROR, f"{step.topic}: {step.reason}", advice)
    told = f"{step.topic} is not as it should be"
    return Checked(_WHERE, "topics", Level.WARNING, told, "`cairn topics plan`, then `cairn topics apply`")


def _group(consumer: Consumer, group: tuple[str, str, int] | None) -> Checked:
    """Say who consumes; the assignor tells the runner: Faust's members join under a name of its own."""
    name = short_name(consumer)
    if group is None or not group[2]:
        told = f"nobody consumes {name}"
        advice = "start its process; after a change of RUNNER all of its processes have to be stopped first"
        return Checked(_WHERE, "groups", Level.ERROR, told, advice)
    state, assignor, members = group
    runner = "faust" if assignor == "faust" else "aiokafka"
    told = f"{name}: {members} of runner {runner}, {state.lower()}"
    if state != "Stable":
        return Checked(_WHERE, "groups", Level.WARNING, told, "look again: it is being shared out")
    return Checked(_WHERE, "groups", Level.FINE, told)


async def _groups(bootstrap: Bootstrap, names: Sequence[str]) -> dict[str, tuple[str, str, int]]:
    """Return each group's state, its members' assignor, and how many they are."""
    if not names:
        return {}
    admin = AIOKafkaAdminClient(**connection(bootstrap), client_id="cairn-doctor")
    await admin.start()
    try:
        answers = await admin.describe_consumer_groups(list(names))
    finally:
        await admin.close()
    return dict(each for answer in answers for each in _described(answer))


def _described(answer: Any) -> Iterator[tuple[str, tuple[str, str, int]]]:
    for _code, name, state, _kind, assignor, members, *_ in answer.groups:
        yield name, (state, assignor, len(members))


def _sources(consumers: Sequence[Consumer]) -> set[str]:
    topics = {each.topic for consumer in consumers for each in consumer.partitions}
    return {found[1] for topic in topics if (found := _ingest.fullmatch(topic))}


def _partitions(consumers: Sequence[Consumer]) -> int:
    numbers = [each.partition for consumer in consumers for each in consumer.partitions]
    return max(numbers) + 1 if numbers else DEFAULT_PARTITIONS
