# SPDX-License-Identifier: Apache-2.0
"""What a process needs of its topics before it begins, asked of the broker once."""

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError, for_code

from cairn.brokers import Bootstrap, connection
from chassis.errors import Reject, Retry
from chassis.unit.outbox import Partitions

_POLICY = "cleanup.policy"
_ingest = re.compile(r"ingest\.(.+)\.v1(?:\.dlq)?")


async def read_partitions(bootstrap: Bootstrap, topics: set[str]) -> Partitions:
    """Return how many partitions each topic has.

    Raises Retry where no broker answers, or naming a topic that is not there; Reject naming those that no
    learner's records may go through: of different numbers of partitions, or compacted, which takes records
    out without a trace.
    """
    admin = AIOKafkaAdminClient(**connection(bootstrap), client_id="cairn-partitions")
    try:
        await _start(admin)
        # Asked about all topics: one asked about by name is made by a broker that makes topics by itself.
        found = {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics()}
        if missing := sorted(topics - found.keys()):
            there = {topic: found[topic] for topic in topics & found.keys()}
            remedy = _command("apply", bootstrap, topics, there)
            message = f"the broker has no topic {missing[0]}; `{remedy}` makes the topics"
            raise Retry(message)
        counts = {topic: found[topic] for topic in sorted(topics)}
        _check_counts(counts, _command("plan", bootstrap, topics, counts))
        _check_policies(await _policies(admin, counts), _command("apply", bootstrap, topics, counts))
    finally:
        await admin.close()
    return Partitions(0, counts)


async def _start(admin: AIOKafkaAdminClient) -> None:
    try:
        await admin.start()
    except KafkaConnectionError as error:
        raise Retry("no broker of KAFKA_BOOTSTRAP_SERVERS answers") from error


def _command(
    verb: Literal["apply", "plan"], bootstrap: Bootstrap, topics: Iterable[str], counts: Mapping[str, int]
) -> str:
    """Return the command that sees to these topics, as it can be pasted."""
    words = ["cairn", "topics", verb, "--bootstrap-servers", str(bootstrap)]
    for source in sorted({found[1] for topic in topics if (found := _ingest.fullmatch(topic))}):
        words += ["--source", source]
    for partitions, _ in Counter(counts.values()).most_common(1):
        words += ["--partitions", str(partitions)]
    return shlex.join(words)


def _check_counts(counts: Mapping[str, int], remedy: str) -> None:
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{topic} has {count}" for topic, count in counts.items())
        raise Reject(
            f"the topics differ in their number of partitions, which decides who owns a learner: {told};"
            f" `{remedy}` names those to be made again"
        )


def _check_policies(policies: Mapping[str, str], remedy: str) -> None:
    if compacted := [topic for topic, policy in policies.items() if "compact" in policy]:
        raise Reject(
            f"records may be missing where a topic is compacted: {', '.join(compacted)};"
            f" `{remedy}` sets {_POLICY} to delete"
        )


async def _policies(admin: AIOKafkaAdminClient, topics: Iterable[str]) -> dict[str, str]:
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic, configs={_POLICY: None}) for topic in topics]
    policies: dict[str, str] = {}
    for response in await admin.describe_configs(asked):
        for code, reason, _kind, topic, entries in response.resources:
            if code:
                raise for_code(code)(f"{topic}: {reason}")
            policies[topic] = next((entry[1] for entry in entries if entry[0] == _POLICY), "")
    return policies
