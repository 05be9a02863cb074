# SPDX-License-Identifier: Apache-2.0
"""All that one run came to, in canonical form, and in what two runs differ (I2).

Compared are whole tables and whole topics, entries with their ids, sequence and hash chains among
them. Progress, leases, positions and data keys are left out, and of a row what is not canonical.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import asyncpg

from deploy.local.cohort.submission import TENANT
from tests.e2e.installation import Whole
from tests.e2e.topics import Carried, canonical

TOPICS = (
    "assessment.results.v1",
    "competency.events.v1",
    "recognition.decisions.v1",
    "records.entries.v1",
)
_CHASSIS = ("chassis.learner", "chassis.inbox", "chassis.due")
TABLES = {
    "assessment": (
        "assessment.statement",
        "assessment.raw_payload",
        "assessment.result",
        "assessment.retraction",
        "assessment.attainment",
        *_CHASSIS,
    ),
    "recognition": ("recognition.attainment", "recognition.award", *_CHASSIS),
    "records": ("records.entry", "records.chain_head", "records.award_head", *_CHASSIS),
}
# The day under which the inbox has what is older than itself hangs on when days were let go (ADR 0008).
_NOT_CANONICAL = ["sealed", "traceparent", "setting", "told_at", "day"]


@dataclass(frozen=True, slots=True)
class Run:
    """What stands in the tables and in the topics at the end; ``carried`` counts repeats as well."""

    tables: Mapping[str, frozenset[str]]
    topics: Mapping[str, Mapping[bytes | None, list[Carried]]]
    carried: Mapping[str, int]

    @property
    def length(self) -> int:
        """How many entries the record has."""
        return len(self.tables["records: records.entry"])

    def events(self, topic: str) -> int:
        """Return how many different events a topic carries."""
        return sum(map(len, self.topics[topic].values()))


async def run_of(up: Whole) -> Run:
    """Read what an installation has come to."""
    recorded = {topic: await up.recorded(topic) for topic in TOPICS}
    return Run(
        {
            f"{service}: {table}": await rows_of(dsn, table)
            for service, dsn in up.databases.items()
            for table in TABLES[service]
        },
        {topic: canonical(records) for topic, records in recorded.items()},
        {topic: len(records) for topic, records in recorded.items()},
    )


def differing(one: Run, other: Run) -> Iterator[str]:
    """Name every row and every key of a topic in which two runs differ."""
    for table, rows in one.tables.items():
        yield from (f"{table}: only in the first: {row}" for row in rows - other.tables[table])
        yield from (f"{table}: only in the second: {row}" for row in other.tables[table] - rows)
    for topic, keys in one.topics.items():
        for key in keys.keys() | other.topics[topic].keys():
            if keys.get(key) != other.topics[topic].get(key):
                yield f"{topic}: {key!r} carries other events, or in another order"


async def rows_of(dsn: str, table: str) -> frozenset[str]:
    """Return the canonical rows of a table, as JSON."""
    connection = await asyncpg.connect(dsn)
    try:
        query = f"select (to_jsonb(kept) - $1::text[])::text from {table} as kept where tenant = $2"  # noqa: S608 -- the names above
        rows = await connection.fetch(query, _NOT_CANONICAL, TENANT)
    finally:
        await connection.close()
    return frozenset(row[0] for row in rows)
