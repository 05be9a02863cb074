# SPDX-License-Identifier: Apache-2.0
"""The one place that parses and writes events."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.cloudevents import from_kafka, to_kafka
from cairn.events.catalogue import (
    CATALOGUE,
    Event,
    EventError,
    InvalidEvent,
    UnknownMajor,
    UnknownType,
    UnrecognisedValue,
    adapter_for,
    content_digest,
    dump,
    event_type,
    parse,
    source_of,
    to_cloudevent,
)
from cairn.events.result import ResultRecorded
from tests.unit.cairn.events.examples import EXAMPLES, FULL, LATER, LEARNER, LEAST, TENANT

RESULT = "org.cairn.assessment.result.recorded.v1"
(RECORDED,) = (event for event in FULL if isinstance(event, ResultRecorded))

# A digest that changes makes a conflict of every event that is delivered again over an upgrade.
DIGESTS = {
    "org.cairn.learner.enrolment.stated.v1": "af247047f3fb2d2ea3ba9f7cc827b942",
    "org.cairn.learner.identity.linked.v1": "8fe4938a939efa54b99a08085dd102be",
    "org.cairn.learner.identity.separated.v1": "4891df427d67cb9165f54cdd6833d0f6",
    "org.cairn.learner.identity.erased.v1": "56e7184d4cfce75b61c90890f07916c9",
    "org.cairn.ingest.result.recorded.v1": "ddea94c5f189e840318b3ee2650c25fb",
    "org.cairn.ingest.result.retracted.v1": "69c6eec5645998ca02198a4d43dd3325",
    "org.cairn.assessment.result.recorded.v1": "cdb8f73a22d05fd94246bdd75d0d05c8",
    "org.cairn.assessment.result.retracted.v1": "a5841cdbd158d4cbf5509f3dcb3f2da2",
    "org.cairn.competency.attainment.changed.v1": "6b08980e435a34a10b328fd731ba9d00",
    "org.cairn.recognition.decision.made.v1": "f39afbb03b07b2a58705975480feb13e",
    "org.cairn.records.entry.recorded.v1": "a11df5a2b5232e95638f60307ad82256",
    "org.cairn.reevaluation.due.reached.v1": "18d0d7619e306e4106c604430270539e",
    "org.cairn.reevaluation.epoch.raised.v1": "543e7f799b9fac0ab97768da60c95cc9",
}


def changed(**fields: Any) -> bytes:
    return json.dumps({**json.loads(dump(RECORDED)), **fields}).encode()


def test_there_is_an_example_of_every_event() -> None:
    assert {event_type(event) for event in FULL} == {event_type(event) for event in LEAST} == set(CATALOGUE)


@pytest.mark.parametrize("event", EXAMPLES)
def test_what_is_written_is_read(event: Event) -> None:
    assert parse(event_type(event), dump(event)) == event


@pytest.mark.parametrize("event", EXAMPLES)
def test_an_event_in_its_envelope_goes_over_kafka_and_back(event: Event) -> None:
    source = source_of("assessment", TENANT)
    sent = to_cloudevent(
        event, id="1", source=source, tenant=TENANT, learner=LEARNER, as_of=LATER, traceparent="00-a-b-01"
    )
    read = from_kafka(*to_kafka(sent))
    assert read == sent
    assert (read.source, read.subject) == ("urn:cairn:assessment:open-university", LEARNER)
    assert read.extensions["asof"].startswith("2026-02-12T00:00:00")
    assert (read.extensions["partitionkey"], read.extensions["traceparent"]) == (
        f"{TENANT}/{LEARNER}",
        "00-a-b-01",
    )
    assert parse(read.type, read.data) == event


@pytest.mark.parametrize("event", FULL, ids=event_type)
def test_digests_stay_what_they_are(event: Event) -> None:
    assert content_digest(event).hex() == DIGESTS[event_type(event)]


@pytest.mark.parametrize(
    "same",
    [
        changed(recorded_at="2030-01-01T00:00:00Z"),
        changed(occurred_at="2026-02-11T18:02:03.12+01:00"),
        changed(score={"max": 10, "min": "0.0", "raw": 7.5}),
        changed(unheard_of={"by": "this version"}),
        json.dumps(dict(reversed(json.loads(dump(RECORDED)).items())), indent=1).encode(),
    ],
)
def test_the_digest_is_over_the_content_and_not_its_spelling(same: bytes) -> None:
    assert content_digest(parse(RESULT, same)) == content_digest(RECORDED)


@pytest.mark.parametrize(
    "other",
    [
        {"learner": "someone-else"},
        {"attempt": 3},
        {"occurred_at": datetime(2026, 2, 12, tzinfo=UTC)},
        {"score": None},
        {"version": None},
        {"carried_over": False},
    ],
)
def test_the_digest_of_another_content_is_another(other: dict[str, Any]) -> None:
    assert content_digest(replace(RECORDED, **other)) != content_digest(RECORDED)


@pytest.mark.parametrize(
    ("type_name", "error"),
    [
        ("org.cairn.assessment.result.recorded.v2", UnknownMajor),
        ("org.cairn.assessment.result.recorded.v10", UnknownMajor),
        ("org.cairn.assessment.result.recorded.v0", UnknownType),
        ("org.cairn.assessment.result.recorded", UnknownType),
        ("org.cairn.assessment.result.forgotten.v1", UnknownType),
        ("", UnknownType),
    ],
)
def test_a_type_that_is_not_known_says_whether_another_major_is(
    type_name: str, error: type[EventError]
) -> None:
    with pytest.raises(EventError) as caught:
        parse(type_name, b"{}")
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (None, ""),
        (b"", ""),
        (b"not json", ""),
        (b"\xff", ""),
        (b"[]", ""),
        (b"[" * 100_000, ""),
        (changed(attempt="2"), "attempt"),
        (changed(attempt=True), "attempt"),
        (changed(carried_over="yes"), "carried_over"),
        (changed(occurred_at="2026-02-11T17:02:03"), "occurred_at"),
        (changed(occurred_at=1767225600), "occurred_at"),
        (changed(occurred_at="9999-12-31T23:59:59-01:00"), "occurred_at"),
        (changed(occurred_at="0001-01-01T00:00:00+01:00"), "occurred_at"),
        (changed(tenant="Open University"), "tenant"),
        (changed(learner="a\n"), "learner"),
        (changed(source_event_id="\0"), "source_event_id"),
        (changed(activity="not a uri"), "activity"),
        (changed(score={"raw": "11", "min": "0", "max": "10"}), "score"),
        (changed(score={"raw": float("nan"), "min": 0, "max": 10}), "score.raw"),
        (changed(score={"raw": "NaN", "min": "0", "max": "10"}), "score.raw"),
        (changed().replace(b'"7.5"', b"1e400"), "score.raw"),
        (changed(score={"raw": "0.12345678901", "min": "0", "max": "10"}), "score.raw"),
    ],
)
def test_what_the_model_forbids_is_refused_with_its_field(data: bytes | None, field: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        parse(RESULT, data)
    assert caught.value.field == field
    assert caught.value.reason
    assert not isinstance(caught.value, UnrecognisedValue)


@pytest.mark.parametrize("field", ["outcome", "finality", "integrity", "grader", "kind"])
def test_a_value_of_a_later_version_is_told_apart(field: str) -> None:
    with pytest.raises(UnrecognisedValue) as caught:
        parse(RESULT, changed(**{field: "unheard-of"}))
    assert caught.value.field == field


@given(st.sampled_from(sorted(CATALOGUE)), st.binary(max_size=100))
def test_arbitrary_bytes_are_an_event_or_an_error_of_ours(type_name: str, data: bytes) -> None:
    with suppress(EventError):
        parse(type_name, data)


@pytest.mark.parametrize("name", [field for field in json.loads(dump(RECORDED)) if field != "score"])
def test_no_error_quotes_or_carries_what_was_sent(name: str) -> None:
    secret = "ada@example.org\n"
    for value in (secret, [secret], {secret: secret}):
        with suppress(InvalidEvent):
            parse(RESULT, changed(**{name: value}))
            continue
    with pytest.raises(InvalidEvent) as caught:
        parse(RESULT, changed(**{name: [secret]}))
    assert "ada" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_there_is_one_adapter_of_a_model() -> None:
    assert adapter_for(ResultRecorded) is adapter_for(ResultRecorded) is CATALOGUE[RESULT][1]


def test_a_uri_is_bounded_in_bytes() -> None:
    path = "\u5b66" * 700
    with pytest.raises(InvalidEvent) as refused:
        parse(RESULT, changed(activity=f"https://example.org/{path}"))
    assert refused.value.field == "activity"
    assert path not in str(refused.value)
    parse(RESULT, changed(activity=f"https://example.org/{path[:600]}"))
