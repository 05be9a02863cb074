# SPDX-License-Identifier: Apache-2.0
"""Dead letters of internal topics: the original bytes and headers, with the reason beside them.

What is no UTF-8 in the name of a header is replaced (see :mod:`chassis.streams.header_names`).

The added headers carry the field set of Spring's ``kafka_dlt-*`` family under a neutral prefix, so
that tools which know that convention can follow. No reason ever quotes what it refuses.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cairn.ids import LearnerId, TenantId
from chassis.errors import Reject
from chassis.streams.message import Record
from chassis.unit.outbox import Outgoing, headers_text
from chassis.unit.writes import Writes

PREFIX = "cairn_dlq_"
NOBODY = LearnerId("")
_KEEP = """
insert into chassis.dead_letter (
    tenant, consumer, learner, topic, partition, "offset", reason, field, payload
)
select tenant, consumer, learner, topic, number, at_offset, reason, field, payload
from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::int[], $6::bigint[],
    $7::text[], $8::text[], $9::text[]
) with ordinality as letter (
    tenant, consumer, learner, topic, number, at_offset, reason, field, payload, place
)
order by place
"""


class DeadLetter(NamedTuple):
    """A dead letter behind which nothing waits, as operators find it; ``payload`` names its sealed bytes."""

    tenant: TenantId
    consumer: str
    learner: LearnerId
    record: Record
    error: Reject
    payload: str = ""


def keep_letters(writes: Writes, letters: Sequence[DeadLetter]) -> None:
    """Keep where dead letters come from and why, until an operator has seen to them."""
    if letters:
        writes.add(
            _KEEP,
            [each.tenant for each in letters],
            [each.consumer for each in letters],
            [each.learner for each in letters],
            [each.record.at.topic for each in letters],
            [each.record.at.number for each in letters],
            [each.record.offset for each in letters],
            [each.error.reason for each in letters],
            [storable(each.error.field) for each in letters],
            [each.payload for each in letters],
        )


def storable(field: str) -> str:
    """Return a field, which may be named as its sender named it, as the database takes it: without a NUL."""
    return field.replace("\0", "\ufffd")


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
