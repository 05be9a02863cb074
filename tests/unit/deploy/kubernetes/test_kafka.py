# SPDX-License-Identifier: Apache-2.0
"""Topics and users of the production overlay are those of the code, and nobody may do more."""

from collections.abc import Mapping
from typing import Any

import pytest

from cairn.topics.catalogue import DEFAULT_PARTITIONS, Topic, all_topics
from deploy.kubernetes import kafka
from deploy.kubernetes.access import Access, accesses
from tests.unit.deploy.kubernetes.overlays import KAFKA, data_of, of_kind

SOURCES = kafka.read_sources()
TOPICS = all_topics(source.name for source in SOURCES)
ACCESSES = accesses(SOURCES)


def test_what_is_committed_is_what_the_code_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert kafka.main(["--check"]) == 0
    assert not capsys.readouterr().out


def test_the_platforms_are_those_of_the_settings() -> None:
    (institution,) = (each for each in data_of("production", "ConfigMap").values() if "sources" in each)
    assert institution["sources"] == (kafka.PRODUCTION / "institution/sources.json").read_text("utf-8")


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_is_as_the_catalogue_has_it(topic: Topic) -> None:
    spec = of_kind("production", "KafkaTopic")[topic.name].body["spec"]

    assert spec["topicName"] == topic.name
    assert spec["partitions"] == DEFAULT_PARTITIONS
    assert topic.config.items() <= spec["config"].items()
    assert set(spec["config"]) - set(topic.config) == {"min.insync.replicas"}


def test_there_is_no_other_topic() -> None:
    assert set(of_kind("production", "KafkaTopic")) == {topic.name for topic in TOPICS}


def rules(user: str) -> dict[tuple[str, str], set[str]]:
    spec: Mapping[str, Any] = of_kind("production", "KafkaUser")[user].body["spec"]
    assert spec["authentication"] == {"type": "tls"}
    found: dict[tuple[str, str], set[str]] = {}
    for rule in spec["authorization"]["acls"]:
        at = rule["resource"]["type"], rule["resource"]["name"]
        assert at not in found
        found[at] = set(rule["operations"])
    return found


@pytest.mark.parametrize("access", ACCESSES, ids=lambda access: access.process)
def test_a_process_may_do_what_it_does_and_no_more(access: Access) -> None:
    wanted = {("topic", topic): {"Describe", "DescribeConfigs"} for topic in access.looks_at}
    for topic in access.consumes:
        wanted["topic", topic] |= {"Read"}
    for topic in access.publishes:
        wanted["topic", topic] = {"Write", "Describe"}
    if access.group is not None:
        wanted["group", access.group] = {"Read"}

    assert rules(f"cairn-{access.process}") == wanted


def test_a_platform_publishes_on_its_own_topic_and_an_operator_writes_nothing() -> None:
    for source in SOURCES:
        assert rules(f"cairn-platform-{source.name}") == {("topic", source.topic): {"Write", "Describe"}}
    allowed = rules("cairn-operator")
    assert {name for kind, name in allowed if kind == "topic"} == {topic.name for topic in TOPICS}
    assert {name for kind, name in allowed if kind == "group"} == {each.group for each in ACCESSES} - {None}
    assert set().union(*allowed.values()) == {"Read", "Describe", "DescribeConfigs"}
    assert all(allowed[each] == {"Describe"} for each in allowed if each[0] == "group")


def test_there_is_no_other_user() -> None:
    platforms = {f"cairn-platform-{source.name}" for source in SOURCES}
    processes = {f"cairn-{access.process}" for access in ACCESSES}
    assert set(of_kind("production", "KafkaUser")) == {"cairn-operator", *platforms, *processes}


@pytest.mark.parametrize("overlay", ["local", "production"])
def test_who_asks_kafka_is_labelled_so_and_nobody_else(overlay: str) -> None:
    deployments = of_kind(overlay, "Deployment").values()
    assert all(each.pod is not None for each in deployments)
    labelled = {each.name for each in deployments if each.pod and KAFKA in each.pod["metadata"]["labels"]}
    assert labelled == {access.process for access in ACCESSES}


@pytest.mark.parametrize("access", ACCESSES, ids=lambda access: access.process)
def test_a_process_shows_its_own_certificate(access: Access) -> None:
    pod = of_kind("production", "Deployment")[access.process].pod
    assert pod is not None
    (volume,) = (each for each in pod["spec"]["volumes"] if each["name"] == "kafka")
    secrets = [source["secret"]["name"] for source in volume["projected"]["sources"]]
    assert secrets == ["kafka-cluster-ca-cert", f"cairn-{access.process}"]
