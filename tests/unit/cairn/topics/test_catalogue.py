# SPDX-License-Identifier: Apache-2.0
"""The list of topics holds together with itself and with the list of events."""

from datetime import timedelta

import pytest

from cairn.events.catalogue import CATALOGUE
from cairn.events.reevaluation import type_of_reevaluation
from cairn.topics.catalogue import INTERNAL, KeyRule, all_topics, dead_letters_of, ingest_topic
from chassis.unit.inbox_days import KEPT_DAYS

TOPICS = all_topics(["moodle", "open-edx", "moodle"])
NAMES = [topic.name for topic in TOPICS]


def test_no_topic_is_named_twice() -> None:
    assert len(set(NAMES)) == len(NAMES) == 2 * (len(INTERNAL) + 2) - 1


def test_every_event_is_carried_by_one_topic_or_is_each_service_s_own_work() -> None:
    carried = [
        (name, model) for topic in (*INTERNAL, ingest_topic("x")) for name, model in topic.models.items()
    ]
    twice = [*CATALOGUE, *type_of_reevaluation]
    assert sorted(name for name, _ in carried) == sorted(twice)
    assert all(CATALOGUE[name][0] is model for name, model in carried)


def test_exactly_what_is_read_has_dead_letters() -> None:
    read = {topic.name + ".dlq" for topic in TOPICS if topic.readers}
    assert {name for name in NAMES if name.endswith(".dlq")} == read
    assert "records.entries.v1.dlq" not in NAMES


def test_no_internal_record_outlives_what_an_inbox_remembers() -> None:
    assert all(topic.retention < timedelta(days=KEPT_DAYS) for topic in INTERNAL)


def test_only_platforms_choose_their_keys() -> None:
    free = {topic.name for topic in TOPICS if topic.key is KeyRule.ANY}
    assert {name.removesuffix(".dlq") for name in free} == {"ingest.moodle.v1", "ingest.open-edx.v1"}


def test_a_dead_letter_may_be_larger_than_what_it_was() -> None:
    assert int(dead_letters_of(INTERNAL[0]).config["max.message.bytes"]) > 1024 * 1024
    assert INTERNAL[0].config == {"cleanup.policy": "delete", "retention.ms": "2419200000"}


@pytest.mark.parametrize("source", ["", "Moodle", "a/b", "a b", "-a", "a\n", "x" * 129])
def test_a_source_that_cannot_name_a_topic_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="a source name"):
        ingest_topic(source)
