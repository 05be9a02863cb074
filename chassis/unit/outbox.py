# SPDX-License-Identifier: Apache-2.0
"""What a unit of work publishes: rows written with the effects, sent by the relay after the commit.

Ids are drawn under the learner's lock, so that for one key the order of ids is the order of commits.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from aiokafka.partitioner import murmur2
from pydantic_core import from_json, to_json

from cairn.ids import TenantId
from chassis.unit.writes import Writes

CHANNEL = "cairn_outbox"
# A notification takes 8,000 bytes at most.
_LONGEST_NOTICE = 4000
_INSERT = """
insert into chassis.outbox (tenant, topic, partition, key, headers, value)
select tenant, topic, partition, key, headers, value
from unnest($1::text[], $2::text[], $3::int[], $4::bytea[], $5::text[], $6::bytea[])
    with ordinality as sent (tenant, topic, partition, key, headers, value, position)
order by position
"""
# Nothing where nothing is said.
NOTIFY = f"select pg_notify('{CHANNEL}', $1) where $1::text is not null"


class Outgoing(NamedTuple):
    """One record to be published, in a partition already chosen."""

    tenant: TenantId
    topic: str
    partition: int
    key: bytes | None
    headers: str
    value: bytes | None


# Large enough for the learners of a few units, small enough to be full soon and grow no more.
@lru_cache(maxsize=4096)
def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition in which a key belongs, as Kafka's default partitioner has it (murmur2)."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


def headers_text(headers: Iterable[tuple[str, bytes]]) -> str:
    """Write headers as JSON text; every byte survives, also those that are not UTF-8.

    A client library hands on Kafka's null header as None, whatever its types say; it becomes an empty one.
    """
    return to_json([(name, (value or b"").decode("latin-1")) for name, value in headers]).decode()


def read_headers(text: str) -> list[tuple[str, bytes]]:
    """Read what :func:`headers_text` wrote."""
    return [(name, value.encode("latin-1")) for name, value in from_json(text)]


def notice(rows: Iterable[Outgoing]) -> str | None:
    """Return what wakes the relay: the partitions, or nothing said where they are too many to name."""
    numbers = ",".join(map(str, sorted({row.partition for row in rows})))
    if len(numbers) > _LONGEST_NOTICE:
        return ""
    return numbers or None


def write_outgoing(writes: Writes, rows: Sequence[Outgoing]) -> None:
    """Write the rows in their order."""
    if rows:
        writes.add(_INSERT, *_columns_of(rows))


def _columns_of(rows: Sequence[Outgoing]) -> tuple[list[Any], ...]:
    return (
        [row.tenant for row in rows],
        [row.topic for row in rows],
        [row.partition for row in rows],
        [row.key for row in rows],
        [row.headers for row in rows],
        [row.value for row in rows],
    )


@dataclass(frozen=True, slots=True)
class Partitions:
    """How many partitions each topic has: fixed when it is created, because it decides who owns a learner."""

    default: int
    by_topic: Mapping[str, int]

    def of(self, topic: str) -> int:
        """Return the number of partitions of a topic."""
        return self.by_topic.get(topic, self.default)
