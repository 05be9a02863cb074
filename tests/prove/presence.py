# SPDX-License-Identifier: Apache-2.0
"""Whether all that must be there is there: each record counted, each event a result, each entry placed."""

import json
from collections import Counter
from collections.abc import Iterable

import asyncpg

from cairn.cloudevents import CloudEvent
from chassis.streams.message import Partition
from tests.e2e.topics import placed
from tests.prove.comparing import Records
from tests.prove.consumers import ENTRIES, RESULTS, Consumer
from tests.prove.findings import Findings
from tests.prove.ground import Ground

_ENDINGS = """
select topic, partition, applied + duplicate + ignored + parked + dead_lettered from chassis.fence
where consumer = $1
"""
_UNPLACED = """
select count(*) from records.entry left join records.position using (tenant, learner, sequence)
where position is null
"""
_GAPS = "select coalesce(max(position), 0) - count(*) from records.position"


async def counted(findings: Findings, dsn: str, consumer: Consumer, records: Records) -> None:
    """Check that each record ended in exactly one way (I3)."""
    there = Counter(at for at, _ in records)
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(_ENDINGS, consumer.name)
    finally:
        await connection.close()
    counted = {Partition(topic, number): int(count) for topic, number, count in rows}
    for at in sorted(there.keys() | counted.keys()):
        missing = there[at] - counted.get(at, 0)
        where = f"{consumer.name}: {at.topic}[{at.number}] holds {there[at]}, counted {counted.get(at, 0)}"
        if missing:
            (findings.lost if missing > 0 else findings.duplicated).append(where)


async def arrived(findings: Findings, ground: Ground, events: Iterable[CloudEvent]) -> None:
    """Check that whatever was fed has become a result."""
    results = (await placed(ground.up.bootstrap, RESULTS)).values()
    said = {str(json.loads(each.value or b"{}")["source_event_id"]) for each in results if each.headers}
    findings.lost += (
        f"fed: {each} became no result" for each in sorted({event.id for event in events} - said)
    )


async def all_placed(findings: Findings, dsn: str) -> None:
    """Check that every entry has its position, without gaps."""
    connection = await asyncpg.connect(dsn)
    try:
        unplaced = await connection.fetchval(_UNPLACED)
        gaps = await connection.fetchval(_GAPS)
    finally:
        await connection.close()
    findings.lost += [f"{ENTRIES}: {unplaced} entries have no position"] * bool(unplaced)
    findings.lost += [f"{ENTRIES}: {gaps} positions have no entry"] * bool(gaps)
