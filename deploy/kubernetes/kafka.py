# SPDX-License-Identifier: Apache-2.0
"""Writes topics, users and their certificates of the production overlay, as the code has them.

``python -m deploy.kubernetes.kafka`` writes them; with ``--check`` it tells which are not what they would be.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from cairn.topics.catalogue import DEFAULT_PARTITIONS, Topic, all_topics
from deploy.kubernetes.access import Access, accesses
from services.assessment.app.sources import Sources

PRODUCTION = Path(__file__).parent / "overlays/production"
CLUSTER = "kafka"
_HEADER = """\
# SPDX-License-Identifier: Apache-2.0
# Written by `python -m deploy.kubernetes.kafka`: change what it follows from, not this file.
"""
_REPLICAS = 3
# A record is acknowledged once two have it, so that one broker may be lost and another away.
_MIN_INSYNC = {"min.insync.replicas": "2"}
_LABELS = {"strimzi.io/cluster": CLUSTER, "app.kubernetes.io/part-of": "cairn", "cairn.org/stage": "ground"}


def read_sources(overlay: Path = PRODUCTION) -> Sources:
    """Return the platforms of an overlay."""
    text = (overlay / "institution/sources.json").read_text("utf-8")
    return TypeAdapter(Sources).validate_json(text)


def files(sources: Sources) -> dict[str, str]:
    """Return what each generated file holds."""
    allowed = accesses(sources)
    topics = all_topics(source.name for source in sources)
    users = [*map(_user, allowed), *(_platform(source.name, source.topic) for source in sources)]
    return {
        "topics.yaml": _written(map(_topic, topics)),
        "users.yaml": _written((*users, _operator(topics, allowed))),
        "certificates.yaml": _written(map(_certificate, allowed)),
    }


def main(arguments: list[str]) -> int:
    """Write the files, or tell which are not what they should be."""
    folder = PRODUCTION / "kafka"
    wanted = files(read_sources())
    if arguments == ["--check"]:
        stale = [name for name, text in wanted.items() if (folder / name).read_text("utf-8") != text]
        for name in stale:
            sys.stdout.write(f"{name} is not what the code says: run `python -m deploy.kubernetes.kafka`\n")
        return 1 if stale else 0
    for name, text in wanted.items():
        (folder / name).write_text(text, "utf-8")
    return 0


def _topic(topic: Topic) -> dict[str, Any]:
    spec = {
        "topicName": topic.name,
        "partitions": DEFAULT_PARTITIONS,
        "replicas": _REPLICAS,
        "config": topic.config | _MIN_INSYNC,
    }
    return _resource("KafkaTopic", topic.name, spec)


def _user(access: Access) -> dict[str, Any]:
    looked_at = ("Describe", "DescribeConfigs")
    rules = [
        *_rules(access.consumes, "Read", *looked_at),
        *_rules(access.looks_at - access.consumes, *looked_at),
        *_rules(access.publishes, "Write", "Describe"),
    ]
    if access.group is not None:
        rules.append(_rule("group", access.group, "Read"))
    return _allowed(access.process, rules)


def _platform(name: str, topic: str) -> dict[str, Any]:
    return _allowed(f"platform-{name}", [*_rules([topic], "Write", "Describe")])


def _operator(topics: Iterable[Topic], allowed: Iterable[Access]) -> dict[str, Any]:
    """Return the user of `cairn topics plan`, of `lag`, which reads where logs end, and of `doctor`."""
    rules = [
        rule
        for topic in topics
        for rule in _rules([topic.name], *(["Read"] if topic.readers else []), "Describe", "DescribeConfigs")
    ]
    groups = sorted({access.group for access in allowed if access.group is not None})
    return _allowed("operator", [*rules, *(_rule("group", group, "Describe") for group in groups)])


def _allowed(name: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    spec = {"authentication": {"type": "tls"}, "authorization": {"type": "simple", "acls": rules}}
    return _resource("KafkaUser", f"cairn-{name}", spec)


def _rules(topics: Iterable[str], *operations: str) -> Iterator[dict[str, Any]]:
    return (_rule("topic", topic, *operations) for topic in sorted(topics))


def _rule(kind: str, name: str, *operations: str) -> dict[str, Any]:
    resource = {"type": kind, "name": name, "patternType": "literal"}
    return {"resource": resource, "operations": list(operations)}


def _resource(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "labels": dict(_LABELS)}
    return {"apiVersion": "kafka.strimzi.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


def _certificate(access: Access) -> dict[str, Any]:
    """Return the patch by which a process has its own certificate and believes the brokers' authority."""
    authority = {"name": f"{CLUSTER}-cluster-ca-cert", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    pair = ("user.crt", "user.key")
    own = {"name": f"cairn-{access.process}", "items": [{"key": key, "path": key} for key in pair]}
    projected = {"defaultMode": 0o440, "sources": [{"secret": authority}, {"secret": own}]}
    pod = {"volumes": [{"name": "kafka", "projected": projected}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": access.process},
        "spec": {"template": {"spec": pod}},
    }


def _written(documents: Iterable[dict[str, Any]]) -> str:
    return _HEADER + yaml.safe_dump_all(documents, sort_keys=False, explicit_start=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
