# SPDX-License-Identifier: Apache-2.0
"""The JSON format: single events and batches."""

import json
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cairn.cloudevents import CloudEvent, MalformedEvent, read_batch, read_structured, write_structured
from tests.unit.cairn.cloudevents.strategies import events, json_data

REQUIRED = '"specversion":"1.0","id":"e-1","source":"urn:cairn:test","type":"org.example.done.v1"'


def body(more: str = "") -> bytes:
    return f"{{{REQUIRED}{more}}}".encode()


@given(
    events(st.none() | st.binary(max_size=200)) | events(json_data.map(lambda it: json.dumps(it).encode()))
)
@example(CloudEvent(id="1", source="s", type="t", data=b'{"a":1}, "id": "2"'))
@example(CloudEvent(id="1", source="s", type="t", data=b'{"a":1,"a":2}'))
@example(CloudEvent(id="1", source="s", type="t", data=b"null"))
@example(CloudEvent(id="1", source="s", type="t", data=b"\xef\xbf\xbd\xff"))
def test_what_is_written_is_read(event: CloudEvent) -> None:
    assert read_structured(write_structured(event)) == event


@given(json_data)
def test_any_json_layout_of_the_same_event_is_the_same_event(data: object) -> None:
    members = {**json.loads(body()), "subject": "Ünïcode ✓", "count": 3, "flag": True, "none": None}
    text = json.dumps({**members, "data": data}, indent=2)
    event = read_structured(text.encode())
    assert event.extensions == {"count": "3", "flag": "true"}
    assert event.subject == "Ünïcode ✓"
    assert (None if event.data is None else json.loads(event.data)) == data


@given(st.binary(max_size=300) | st.text(alphabet='{}[]",:\\ua1 edt', max_size=60).map(str.encode))
@example(b"[" * 300_000)
@example(b'{"a":' * 300_000)
@example(b'{"\\u0069d":1')
@example(b'"')
@example(b'{"id":"\\ud800"}')
def test_arbitrary_bytes_are_events_or_malformed(anything: bytes) -> None:
    for read in (read_structured, read_batch):
        with suppress(MalformedEvent):
            read(anything)


@pytest.mark.parametrize("number", ["0.1000000000000000055511151231257827", "1e400", "9" * 5000])
def test_no_number_in_data_goes_through_a_float(number: str) -> None:
    assert read_structured(body(f',"data":{{"raw":{number}}}')).data == f'{{"raw":{number}}}'.encode()


@pytest.mark.parametrize(
    ("more", "field"),
    [
        (',"data":NaN', "value"),
        (',"data":{"x":-Infinity}', "value"),
        (',"data":{"x":1,"x":2}', "value"),
        (',"id":"e-2"', "value"),
        (',"data":1,"d\\u0061ta":2', "value"),
        (',"data":' + "[" * 101 + "]" * 101, "value"),
        (',"data":1,"data_base64":"AA=="', "data"),
        (',"data_base64":"A"', "data_base64"),
        (',"data_base64":"A A="', "data_base64"),
        (',"data_base64":"ÿÿÿÿ"', "data_base64"),
        (',"data_base64":7', "data_base64"),
        (',"datacontenttype":"text/plain","data":{"a":1}', "data"),
        (',"datacontenttype":"text/plain","data":"\\ud800"', "data"),
        (',"time":"2026-01-31T12:00:00"', "time"),
        (',"time":1767225600', "time"),
        (',"subject":["x"]', "subject"),
        (',"subject":"\\u0000"', "subject"),
        (',"subject":"\\ud800"', "subject"),
        (',"extra":{"x":1}', "attribute"),
        (',"extra":1.5', "attribute"),
        (',"extra":2147483648', "attribute"),
        (',"not_allowed":"x"', "attribute"),
        (",", "value"),
        (',"extra"', "value"),
        (',"extra":', "value"),
        ("} {", "value"),
    ],
)
def test_what_the_format_forbids_is_refused_with_its_field(more: str, field: str) -> None:
    with pytest.raises(MalformedEvent) as caught:
        read_structured(body(more))
    assert caught.value.field == field


@pytest.mark.parametrize("anything", [b"", b"[]", b"null", b"\xff", b"\xef\xbb\xbf{}", b"{", b'{"a"}'])
def test_what_is_no_json_object_is_refused(anything: bytes) -> None:
    with pytest.raises(MalformedEvent) as caught:
        read_structured(anything)
    assert caught.value.field == "value"


def test_a_missing_version_is_refused() -> None:
    with pytest.raises(MalformedEvent) as caught:
        read_structured(b"{}")
    assert caught.value.field == "specversion"


def test_a_body_beyond_the_limit_is_refused() -> None:
    with pytest.raises(MalformedEvent, match="is larger"):
        read_structured(b" " * (3 * 1024 * 1024))


def test_an_empty_batch_is_empty() -> None:
    assert read_batch(b" [ ] ") == []


@pytest.mark.parametrize(
    "bad",
    [b"{}", b"17", b"{'id': 1}", b'{"a":' * 300 + b"1" + b"}" * 300, b'"\\x,"', b"[" * 2000 + b"]" * 2000],
)
def test_one_bad_item_spoils_no_other(bad: bytes) -> None:
    good = body(',"data":{"text":"a, ]}\\" b"}')
    items = read_batch(b"[" + b" ,\n".join([good] * 500 + [bad] + [good] * 499) + b"]")
    assert len(items) == 1000
    assert isinstance(items.pop(500), MalformedEvent)
    assert items == [read_structured(good)] * 999


@pytest.mark.parametrize("whole", [b"", b"{}", b"[", b"[{}", b"[{}] x", b"[{},"])
def test_a_body_that_is_no_array_is_refused_as_a_whole(whole: bytes) -> None:
    with pytest.raises(MalformedEvent) as caught:
        read_batch(whole)
    assert caught.value.field == "value"
