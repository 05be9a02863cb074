# SPDX-License-Identifier: Apache-2.0
"""CloudEvents 1.0.2 over Kafka and as JSON: the envelope of every event that Cairn reads and writes."""

from cairn.cloudevents.event import CloudEvent, MalformedEvent, read_instant
from cairn.cloudevents.kafka import from_kafka, to_kafka
from cairn.cloudevents.structured import read_batch, read_structured, write_structured

__all__ = [
    "CloudEvent",
    "MalformedEvent",
    "from_kafka",
    "read_batch",
    "read_instant",
    "read_structured",
    "to_kafka",
    "write_structured",
]
