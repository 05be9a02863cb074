# SPDX-License-Identifier: Apache-2.0
"""What each process may do at Kafka is what its code asks there, and what the catalogue of topics says."""

from collections.abc import Callable
from typing import Any

import pytest

from cairn.topics.catalogue import LEARNER_FACTS, all_topics, dead_letters_of
from chassis import assembly
from chassis.lifecycle import Process
from chassis.rpc.listening import LOOPBACK
from chassis.schedule import assembly as scheduling
from chassis.settings import ScheduleSettings, ServiceSettings
from deploy.kubernetes.access import Access, accesses
from deploy.kubernetes.kafka import read_sources
from services.assessment import bootstrap as assessment
from services.assessment.adapters.http_listening import LOOPBACK as HTTP
from services.assessment.settings import ResultsSettings, ServeSettings
from services.recognition import bootstrap as recognition
from services.recognition.settings import ConsumeSettings
from services.records import bootstrap as records

SOURCES = read_sources()
# Nobody writes or reads it yet: the register is not built.
NOT_YET = {LEARNER_FACTS.name, dead_letters_of(LEARNER_FACTS).name}
KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
REQUIRED: dict[str, Any] = {
    "database_url": "postgresql://a@127.0.0.1/a",
    "kafka_bootstrap_servers": "127.0.0.1:9092",
}
DOOR: dict[str, Any] = {
    "assessment_sources": SOURCES,
    "assessment_master_key": KEY,
    "cairn_identity_key": KEY,
}
STARTS: dict[str, Callable[[Process], Any]] = {
    "assessment-serve": lambda process: assessment.assemble_serve(
        process, ServeSettings(**REQUIRED, **DOOR), LOOPBACK, HTTP
    ),
    "assessment-intake": lambda process: assessment.assemble_intake(
        process, ServeSettings(**REQUIRED, **DOOR)
    ),
    "assessment-results": lambda process: assessment.assemble_results(process, ResultsSettings(**REQUIRED)),
    "assessment-schedule": lambda process: assessment.assemble_schedule(
        process, ScheduleSettings(**REQUIRED)
    ),
    "recognition-consume": lambda process: recognition.assemble_consume(process, ConsumeSettings(**REQUIRED)),
    "recognition-schedule": lambda process: recognition.assemble_schedule(
        process, ScheduleSettings(**REQUIRED)
    ),
    "records-consume": lambda process: records.assemble_consume(process, ServiceSettings(**REQUIRED)),
}


class Asked(Exception):
    """Ends an assembly once it has asked about its topics."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    seen: set[str] = set()

    async def read_partitions(_bootstrap: object, topics: set[str]) -> None:
        seen.update(topics)
        raise Asked

    async def add_pool(*_: object) -> None:
        return None

    for module in (assembly, scheduling, assessment):
        monkeypatch.setattr(module, "read_partitions", read_partitions)
    monkeypatch.setattr(assessment, "add_pool", add_pool)
    return seen


def access_of(process: str) -> Access:
    return {each.process: each for each in accesses(SOURCES)}[process]


@pytest.mark.parametrize("process", STARTS)
async def test_a_process_may_look_at_what_it_asks_about_and_no_more(process: str, asked: set[str]) -> None:
    with pytest.raises(Asked):
        await STARTS[process](Process())

    assert access_of(process).looks_at == asked


def test_every_process_that_asks_is_known() -> None:
    relays = {f"{service}-relay" for service in ("assessment", "recognition", "records")}
    assert {each.process for each in accesses(SOURCES)} == {*STARTS, *relays}


@pytest.mark.parametrize("service", ["assessment", "recognition", "records"])
def test_a_service_publishes_what_the_catalogue_says_that_it_writes(service: str) -> None:
    written = {topic.name for topic in all_topics(each.name for each in SOURCES) if topic.writer == service}

    assert access_of(f"{service}-relay").publishes == written - NOT_YET


@pytest.mark.parametrize("service", ["assessment", "recognition", "records"])
def test_a_service_consumes_what_the_catalogue_says_that_it_reads(service: str) -> None:
    read = {topic.name for topic in all_topics(each.name for each in SOURCES) if service in topic.readers}

    consumed = [each.consumes for each in accesses(SOURCES) if each.process.startswith(f"{service}-")]
    assert frozenset().union(*consumed) == read - NOT_YET


def test_groups_are_apart() -> None:
    groups = [each.group for each in accesses(SOURCES) if each.group is not None]
    assert len(groups) == len(set(groups))
    assert all((each.group is None) == (not each.consumes) for each in accesses(SOURCES))
