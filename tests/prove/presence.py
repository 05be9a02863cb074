# SPDX-License-Identifier: Apache-2.0
"""Whether all that must be there is there: each record counted, each event a result, each entry placed."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import asyncpg

from cairn.cloudevents import CloudEvent
from chassis.streams.message import Partition
from tests.e2e.topics import placed
from tests.prove.applied import Applied
from tests.prove.comparing import Records
from tests.prove.consumers import ENTRIES, RESULTS, Consumer
from tests.prove.findings import Findings
from tests.prove.ground import Ground
from tests.prove.letters import DEAD_LETTERED, Letters

Endings: TypeAlias = Mapping[Partition, Counter[str]]
"""By partition, how many records ended how."""

_ENDINGS = """
select topic, partition, applied, duplicate, ignored, parked, dead_lettered from chassis.fence
where consumer = $1
"""
_OUTCOMES = ("applied", "duplicate", "ignored", "parked", "dead_lettered")
_UNPLACED = """
select count(*) from records.entry left join records.position using (tenant, learner, sequence)
where position is null
"""
_GAPS = """
select coalesce(sum(gaps), 0) from (
    select max(position) - count(*) as gaps from records.position group by tenant
) as of_tenant
"""
_DISORDER = """
select count(*) from (
    select sequence <= lag(sequence) over (partition by tenant, learner order by position) as earlier,
        recorded_at < lag(recorded_at) over (partition by tenant order by position) as back
    from records.position
) as placed
where earlier or back
"""
_WRONG_LENGTHS = """
select count(*) from (select tenant, max(position) as length from records.position group by tenant) as placed
full join records.extent using (tenant)
where placed.length is distinct from extent.length
"""


async def endings_of(dsn: str, consumer: Consumer) -> Endings:
    """Return how the records of each partition are counted to have ended."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(_ENDINGS, consumer.name)
    finally:
        await connection.close()
    return {
        Partition(topic, number): Counter(dict(zip(_OUTCOMES, counts, strict=True)))
        for topic, number, *counts in rows
    }


def counted(findings: Findings, consumer: Consumer, endings: Endings, records: Records) -> None:
    """Check that each record ended in exactly one way (I3)."""
    there = Counter(at for at, _ in records)
    for at in sorted(there.keys() | endings.keys()):
        count = endings.get(at, Counter[str]()).total()
        where = f"{consumer.name}: {at.topic}[{at.number}] holds {there[at]}, counted {count}"
        if missing := there[at] - count:
            (findings.lost if missing > 0 else findings.duplicated).append(where)


def counted_as_it_ended(
    findings: Findings, consumer: Consumer, endings: Endings, log: Iterable[Applied], letters: Letters
) -> None:
    """Check that each partition's counts are those of what took effect, and of its dead letters.

    Nothing waits at rest, so that repeats are what is left of each partition.
    """
    ended = Counter((each.at, each.outcome) for each in log if each.outcome != DEAD_LETTERED)
    ended.update((at, DEAD_LETTERED) for at, _ in {each.place for each in letters})
    for at, outcome in sorted(ended.keys() | {(at, each) for at in endings for each in _OUTCOMES}):
        count = endings.get(at, Counter[str]())[outcome]
        where = (
            f"{consumer.name}: {at.topic}[{at.number}] had {ended[at, outcome]} {outcome}, counted {count}"
        )
        if outcome != "duplicate" and (missing := ended[at, outcome] - count):
            (findings.lost if missing > 0 else findings.duplicated).append(where)


async def arrived(findings: Findings, ground: Ground, events: Iterable[CloudEvent]) -> None:
    """Check that whatever was fed has become a result."""
    results = (await placed(ground.up.bootstrap, RESULTS)).values()
    said = {str(json.loads(each.value or b"{}")["source_event_id"]) for each in results if each.headers}
    findings.lost += (
        f"fed: {each} became no result" for each in sorted({event.id for event in events} - said)
    )


async def all_placed(findings: Findings, dsn: str) -> None:
    """Check that every entry has its position, without gaps, in the order of its learner and of time."""
    connection = await asyncpg.connect(dsn)
    try:
        await check_placed(findings, connection)
    finally:
        await connection.close()


async def check_placed(findings: Findings, connection: asyncpg.Connection) -> None:
    """Check the positions that a connection sees."""
    queries = (_UNPLACED, _GAPS, _DISORDER, _WRONG_LENGTHS)
    unplaced, gaps, disorder, lengths = [await connection.fetchval(query) for query in queries]
    findings.lost += [f"{ENTRIES}: {unplaced} entries have no position"] * bool(unplaced)
    findings.lost += [f"{ENTRIES}: {gaps} positions have no entry"] * bool(gaps)
    findings.differing += [f"{ENTRIES}: {disorder} positions are out of order"] * bool(disorder)
    findings.differing += [f"{ENTRIES}: {lengths} records are not as long as they are told"] * bool(lengths)
