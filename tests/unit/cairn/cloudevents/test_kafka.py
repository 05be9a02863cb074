# SPDX-License-Identifier: Apache-2.0
"""The Kafka binding, against its specification and against whatever bytes there are."""

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cairn.cloudevents import CloudEvent, MalformedEvent, from_kafka, to_kafka, write_structured
from cairn.cloudevents.event import LARGEST_DATA
from tests.unit.cairn.cloudevents.strategies import events

HEADERS = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"e-1"),
    ("ce_source", b"urn:cairn:test"),
    ("ce_type", b"org.example.done.v1"),
]


def without(name: str) -> list[tuple[str, bytes]]:
    return [header for header in HEADERS if header[0] != name]


@given(events(st.none() | st.binary(max_size=200)))
def test_what_is_written_is_read(event: CloudEvent) -> None:
    assert from_kafka(*to_kafka(event)) == event


@given(events(st.none() | st.binary(max_size=200)))
def test_structured_mode_is_told_by_its_content_type(event: CloudEvent) -> None:
    headers = [("Content-Type", b'application/cloudevents+json; charset="UTF-8"'), ("ce_id", b"ignored")]
    assert from_kafka(headers, write_structured(event)) == event


HEADER_NAMES = st.sampled_from([name for name, _ in HEADERS] + ["content-type", "CE_Time", "ce_data", "x"])


@given(
    st.lists(st.tuples(HEADER_NAMES | st.text(max_size=8), st.binary(max_size=40)), max_size=10),
    st.none() | st.binary(max_size=200),
)
@example([*HEADERS, ("content-type", b"application/cloudevents+json")], b"[" * 200_000)
@example([*HEADERS, ("ce_time", b"9999-12-31T23:59:59-01:00")], None)
def test_arbitrary_bytes_are_an_event_or_malformed(
    headers: list[tuple[str, bytes]], value: bytes | None
) -> None:
    with suppress(MalformedEvent):
        from_kafka([*HEADERS, *headers], value)


@pytest.mark.parametrize("name", ["ce_specversion", "ce_id", "ce_source", "ce_type"])
def test_a_required_attribute_must_be_there(name: str) -> None:
    with pytest.raises(MalformedEvent, match="is missing") as caught:
        from_kafka(without(name), b"{}")
    assert caught.value.field == name.removeprefix("ce_")


@pytest.mark.parametrize(
    ("header", "field"),
    [
        (("ce_specversion", b"0.3"), "specversion"),
        (("ce_id", b""), "id"),
        (("ce_id", b"\xff\xfe"), "id"),
        (("ce_id", None), "id"),
        (("ce_id", b"nul\0"), "id"),
        (("ce_id", b"x" * 1025), "id"),
        (("ce_source", "\N{PILE OF POO}".encode() * 300), "source"),
        (("ce_time", b"2026-01-31T12:00:00"), "time"),
        (("ce_time", b"2026-02-30T12:00:00Z"), "time"),
        (("ce_time", b"0001-01-01T00:00:00+01:00"), "time"),
        (("ce_time", b"2026-01-31"), "time"),
        (("ce_bad-name", b"x"), "attribute"),
        (("ce_", b"x"), "attribute"),
        (("ce_data", b"x"), "attribute"),
        (("ce_" + "x" * 65, b"x"), "attribute"),
        (("ce_big", b"x" * 70_000), "attributes"),
        (("content-type", b"application/cloudevents-batch+json"), "content-type"),
        (("content-type", b"application/cloudevents+avro"), "content-type"),
        (("content-type", b"application/cloudevents+json; charset=latin-1"), "content-type"),
    ],
)
def test_what_the_binding_forbids_is_refused_with_its_field(header: tuple[str, bytes], field: str) -> None:
    with pytest.raises(MalformedEvent) as caught:
        from_kafka([*HEADERS, header], b"{}")
    assert caught.value.field == field


def test_a_value_beyond_the_limit_is_refused() -> None:
    assert from_kafka(HEADERS, b"x" * LARGEST_DATA).data
    with pytest.raises(MalformedEvent, match="is larger") as caught:
        from_kafka(HEADERS, b"x" * (LARGEST_DATA + 1))
    assert caught.value.field == "data"


def test_a_structured_record_without_value_is_refused() -> None:
    with pytest.raises(MalformedEvent) as caught:
        from_kafka([("content-type", b"application/cloudevents+json")], None)
    assert caught.value.field == "value"


def test_of_a_repeated_header_the_last_holds() -> None:
    assert from_kafka([*HEADERS, ("CE_ID", b"e-2")], None).id == "e-2"


def test_both_content_type_headers_are_understood_and_the_bindings_own_holds() -> None:
    sent = [("ce_datacontenttype", b"text/plain"), ("Content-Type", b"application/avro")]
    assert from_kafka([*HEADERS, *sent], b"").datacontenttype == "application/avro"
    assert from_kafka([*HEADERS, sent[0]], b"").datacontenttype == "text/plain"
    assert from_kafka(HEADERS, b"").datacontenttype == "application/json"


def test_headers_of_open_edx_are_read() -> None:
    headers = [
        ("ce_type", b"org.openedx.learning.course.passing.status.updated.v1"),
        ("ce_id", b"0a3bcd4e-c8f0-11ee-9d3b-0242ac120005"),
        ("ce_source", b"openedx/lms/web"),
        ("ce_specversion", b"1.0"),
        ("ce_time", b"2026-02-11T17:02:03.123456+00:00"),
        ("ce_minorversion", b"0"),
        ("sourcehost", b"edx.example"),
        ("sourcelib", b"8.5.0"),
        ("content-type", b"application/avro"),
        ("ce_datacontenttype", b"application/avro"),
    ]
    event = from_kafka(headers, b"\0\0\0\0\1")
    assert event.datacontenttype == "application/avro"
    assert event.time == datetime(2026, 2, 11, 17, 2, 3, 123456, tzinfo=UTC)
    assert event.extensions == {"minorversion": "0"}


@pytest.mark.parametrize("name", ["x" * 21, "Upper", "id", "data", "under_score"])
def test_an_extension_under_a_name_it_cannot_have_is_not_written(name: str) -> None:
    event = CloudEvent(id="1", source="s", type="t", data=None, extensions={name: "x"})
    with pytest.raises(MalformedEvent):
        to_kafka(event)
    with pytest.raises(MalformedEvent):
        write_structured(event)


def test_no_error_quotes_what_was_sent() -> None:
    secret = "ada@example.org"
    body = json.dumps({"specversion": secret, "id": secret, "time": secret, secret: secret}).encode()
    structured = [("content-type", b"application/cloudevents+json")]
    for headers, value in (
        ([*HEADERS, ("ce_time", secret.encode())], None),
        ([*HEADERS, ("ce_" + secret, b"")], None),
        ([*HEADERS, ("ce_" + secret, b"\xff")], None),
        (structured, body),
    ):
        with pytest.raises(MalformedEvent) as caught:
            from_kafka(headers, value)
        assert secret not in str(caught.value)
        assert caught.value.__cause__ is None
