# SPDX-License-Identifier: Apache-2.0
"""Our Kafka binding and JSON format against the SDK of the CloudEvents project, both ways."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings import kafka as sdk
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.v1.event import CloudEvent as SdkEvent

from cairn.cloudevents import (
    CloudEvent,
    MalformedEvent,
    from_kafka,
    read_structured,
    to_kafka,
    write_structured,
)

DATA = {"score": {"raw": "7.5", "max": "10"}, "note": "عربي 🎓"}
TIME = datetime(2026, 2, 11, 17, 2, 3, 120000, tzinfo=UTC)
OURS = CloudEvent(
    id="e-1",
    source="urn:cairn:assessment:t1",
    type="org.cairn.test.done.v1",
    data=json.dumps(DATA, ensure_ascii=False).encode(),
    time=TIME,
    subject="l1",
    dataschema="urn:cairn:schema:test",
    extensions={"asof": "2026-02-11T17:02:03.120000Z", "partitionkey": "t1/l1"},
)
THEIRS: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "urn:cairn:assessment:t1",
    "type": "org.cairn.test.done.v1",
    "time": TIME,
    "subject": "l1",
    "datacontenttype": "application/json",
    "dataschema": "urn:cairn:schema:test",
    "asof": "2026-02-11T17:02:03.120000Z",
    "partitionkey": "t1/l1",
}


def binary(headers: list[tuple[str, bytes]], value: bytes) -> BaseCloudEvent:
    return sdk.from_kafka_event(sdk.KafkaMessage(dict(headers), None, value))


def structured(value: bytes) -> BaseCloudEvent:
    return sdk.from_kafka_event(
        sdk.KafkaMessage({"content-type": b"application/cloudevents+json"}, None, value)
    )


def headers_of(message: sdk.KafkaMessage) -> list[tuple[str, bytes]]:
    return list(message.headers.items())


def same_data(event: CloudEvent) -> bool:
    return event.data is not None and json.loads(event.data) == DATA


def test_the_sdk_reads_what_we_write() -> None:
    headers, value = to_kafka(OURS)
    assert value is not None
    for read in (binary(headers, value), structured(write_structured(OURS))):
        assert read.get_attributes() == THEIRS
        assert read.get_data() == DATA


def test_the_sdk_reads_bytes_that_are_no_json() -> None:
    event = CloudEvent(id="1", source="s", type="t", data=b"\0\xff", datacontenttype="application/avro")
    assert structured(write_structured(event)).get_data() == b"\0\xff"


def test_we_read_what_the_sdk_writes() -> None:
    message = sdk.to_binary_event(SdkEvent(dict(THEIRS), DATA))
    read = from_kafka(headers_of(message), message.value)
    assert same_data(read)
    assert to_kafka(read)[0] == to_kafka(OURS)[0]
    message = sdk.to_structured_event(SdkEvent(dict(THEIRS), DATA))
    read = from_kafka(headers_of(message), message.value)
    assert same_data(read)
    assert to_kafka(read)[0] == to_kafka(OURS)[0]


def test_we_read_bytes_that_the_sdk_writes() -> None:
    message = sdk.to_structured_event(SdkEvent(dict(THEIRS), b"\0\xff"))
    assert read_structured(message.value).data == b"\0\xff"


def test_the_sdk_refuses_what_we_write_once_its_type_is_gone() -> None:
    headers, value = to_kafka(OURS)
    assert value is not None
    with pytest.raises(CloudEventValidationError):
        binary([header for header in headers if header[0] != "ce_type"], value)


def test_we_refuse_what_the_sdk_writes_once_its_type_is_gone() -> None:
    message = sdk.to_binary_event(SdkEvent(dict(THEIRS), DATA))
    with pytest.raises(MalformedEvent):
        from_kafka([header for header in headers_of(message) if header[0] != "ce_type"], message.value)
