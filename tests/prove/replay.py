# SPDX-License-Identifier: Apache-2.0
"""Replays the log of a run: every record again, in the order in which it took effect, in one thread.

Each consumer's own handler folds the records into empty databases, with nothing around it that could
fail: no broker, no relay, no second worker. What then stands in the tables and in the outbox is what
the run must have come to (I2). Offsets are numbered anew, since the log's order is not the topic's
where records were parked.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from chassis.database import open_pool
from chassis.migrate import migrate
from chassis.streams.message import Partition, Record
from chassis.unit.outbox import read_headers
from chassis.unit.work import UnitOfWork
from deploy.local.keys import Keys
from deploy.local.provision import drop_database, provision
from deploy.local.stack import ROOT
from tests.e2e.state import outcomes_of
from tests.e2e.topics import Carried
from tests.prove.applied import Applied
from tests.prove.consumers import Consumer
from tests.whole_batch import run_whole

_PREFIX = "replay_"
_BATCH = 500
_PUBLISHED: Mapping[str, Mapping[str, str]] = {
    "assessment": {
        "assessment.policy": "select * from assessment.policy where epoch <= $1",
        "assessment.competency": "select * from assessment.competency where $1::bigint >= 0",
        "chassis.rule_epoch": "select tenant, $1::bigint from chassis.rule_epoch",
    },
    "recognition": {
        "recognition.rule_version": "select * from recognition.rule_version where epoch <= $1",
        "chassis.rule_epoch": "select tenant, $1::bigint from chassis.rule_epoch",
    },
    "records": {},
}
"""By service, what stood in each table of what is published, up to an epoch."""


async def make_empty(admin: str, service: str) -> tuple[str, str]:
    """Make an empty database for a replay; return the DSNs of its administrator and of its consumer."""
    await drop_database(admin, f"{_PREFIX}cairn_{service}")
    made = await provision(admin, service, prefix=_PREFIX)
    await migrate(made.dsns["migrate"], service, ROOT / "services" / service / "migrations", lambda _: None)
    return urlunsplit(urlsplit(admin)._replace(path=f"/{made.database}")), made.dsns["consume"]


async def replay(
    consumer: Consumer,
    keys: Keys,
    log: Sequence[Applied],
    records: Mapping[tuple[Partition, int], Record],
    published: str,
    replayed: tuple[str, str],
) -> Counter[str]:
    """Fold the records of a log into a database; return how they ended.

    ``published`` is the DSN of the run's own database, from which the rules of each epoch are taken.
    """
    admin, consume = replayed
    pool = await open_pool(consume, 2, name="cairn-replay")
    try:
        work = consumer.work(pool, keys)
        numbered = _numbered(log, records)
        await work.claim(dict.fromkeys({record.at for _, record in numbered}, 0))
        for epoch, group in groupby(numbered, key=lambda each: each[0].epoch):
            await _publish(consumer.service, epoch, published, admin)
            await _fold(work, [record for _, record in group])
    finally:
        await pool.close()
    ended = await outcomes_of(admin)
    return sum((counts for (name, _), counts in ended.items() if name == consumer.name), Counter())


async def outbox_of(admin: str, topic: str) -> list[Carried]:
    """Return what a replay would have published on a topic, in order."""
    connection = await asyncpg.connect(admin)
    try:
        rows = await connection.fetch(
            "select key, headers, value from chassis.outbox where topic = $1 order by id", topic
        )
    finally:
        await connection.close()
    return [Carried(key, tuple(read_headers(headers)), value) for key, headers, value in rows]


def _numbered(
    log: Sequence[Applied], records: Mapping[tuple[Partition, int], Record]
) -> list[tuple[Applied, Record]]:
    offsets: Counter[Partition] = Counter()
    numbered = []
    for each in log:
        record = records[each.at, each.offset]._replace(offset=offsets[each.at])
        offsets[each.at] += 1
        numbered.append((each, record))
    return numbered


async def _fold(work: UnitOfWork, records: Sequence[Record]) -> None:
    for batch in _batches(records):
        await run_whole(work, batch)


def _batches(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    for start in range(0, len(records), _BATCH):
        yield records[start : start + _BATCH]


async def _publish(service: str, epoch: int, source: str, target: str) -> None:
    """Let stand what stood at an epoch."""
    reading, writing = await asyncpg.connect(source), await asyncpg.connect(target)
    try:
        for table, query in _PUBLISHED[service].items():
            rows = await reading.fetch(query, epoch)
            schema, _, name = table.partition(".")
            await writing.execute(f"truncate {table}")
            await writing.copy_records_to_table(
                name, schema_name=schema, records=[tuple(row) for row in rows]
            )
    finally:
        await reading.close()
        await writing.close()
