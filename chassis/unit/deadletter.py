# SPDX-License-Identifier: Apache-2.0
"""Dead letters of internal topics: the original bytes and headers, with the reason beside them.

The added headers carry the field set of Spring's ``kafka_dlt-*`` family under a neutral prefix, so
that tools which know that convention can follow. No reason ever quotes what it refuses.
"""

from cairn.ids import TenantId
from chassis.errors import Reject
from chassis.streams.message import Record
from chassis.unit.outbox import Outgoing, headers_text

PREFIX = "cairn_dlq_"


def dead_letter(consumer: str, tenant: TenantId, record: Record, error: Reject) -> Outgoing:
    """Return the dead letter of a record, in the partition of the same number."""
    added = {
        "consumer": consumer,
        "original_topic": record.at.topic,
        "original_partition": str(record.at.number),
        "original_offset": str(record.offset),
        "original_timestamp": str(record.timestamp),
        "reason": error.reason,
        "field": error.field,
    }
    headers = (*record.headers, *((PREFIX + name, text.encode()) for name, text in added.items()))
    topic = record.at.topic + ".dlq"
    return Outgoing(tenant, topic, record.at.number, record.key, headers_text(headers), record.value)
