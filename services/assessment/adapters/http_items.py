# SPDX-License-Identifier: Apache-2.0
"""What an HTTP request to the door holds: one event in either mode, or a batch (CloudEvents HTTP binding).

Each item is kept with its bytes as they were sent, so that what is stored is what arrived.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import unquote_to_bytes

from cairn.cloudevents import CloudEvent, MalformedEvent, from_kafka, read_structured
from cairn.cloudevents.strict_json import decode_utf8, items
from chassis import tracing
from chassis.errors import Reject
from services.assessment.adapters.ingest import raw_bytes
from services.assessment.app.arrival import Arrival
from services.assessment.app.sources import Source

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
JSON = "application/json"
MOST_ITEMS = 10_000


def read_request(source: Source, headers: Mapping[str, str], body: bytes) -> list[Arrival]:
    """Return the items of a request in their order.

    Raises Reject for a body that is no batch though its media type says so, and for one without items.
    """
    match media_type(headers):
        case "application/cloudevents-batch+json":
            return _batch(source, body)
        case "application/cloudevents+json":
            return [_structured(source, body)]
        case _:
            return [_binary(source, headers, body)]


def media_type(headers: Mapping[str, str]) -> str:
    """Return the media type of a request, without its parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _batch(source: Source, body: bytes) -> list[Arrival]:
    try:
        texts = items(decode_utf8(body))
    except MalformedEvent as error:
        raise Reject(error.reason, error.field) from None
    if not texts:
        raise Reject("is an empty batch", "value")
    if len(texts) > MOST_ITEMS:
        raise Reject(f"holds more than {MOST_ITEMS} events", "value")
    return [_structured(source, text.encode(errors="surrogatepass")) for text in texts]


def _structured(source: Source, body: bytes) -> Arrival:
    headers = (("content-type", STRUCTURED.encode()),)
    try:
        event: CloudEvent | MalformedEvent = read_structured(body)
    except MalformedEvent as error:
        event = error
    return Arrival(source, raw_bytes(headers, body), event, tracing.traceparent())


def _binary(source: Source, headers: Mapping[str, str], body: bytes) -> Arrival:
    # The Kafka binding's binary mode differs from the HTTP binding's in the prefix alone.
    sent = tuple(_attributes(headers.items()))
    try:
        event: CloudEvent | MalformedEvent = from_kafka(sent, body or None)
    except MalformedEvent as error:
        event = error
    return Arrival(source, raw_bytes(sent, body), event, tracing.traceparent())


def _attributes(headers: Iterable[tuple[str, str]]) -> Iterable[tuple[str, bytes]]:
    for name, text in headers:
        lowered = name.lower()
        if lowered.startswith("ce-"):
            yield "ce_" + lowered[3:], _percent_decoded(text)
        elif lowered == "content-type":
            yield lowered, text.encode("latin-1")


def _percent_decoded(text: str) -> bytes:
    # HTTP binding section 3.1.3.2: outside printable ASCII a value is percent-encoded UTF-8.
    return unquote_to_bytes(text.encode("latin-1"))
