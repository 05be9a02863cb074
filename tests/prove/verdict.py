# SPDX-License-Identifier: Apache-2.0
"""What a run has lost, done twice, or done otherwise than a replay of its own log.

Nothing is compared with what the run says of itself: topics are read whole, the log was written with
the effects, and every consumer's share is worked out again (I2, I3).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from cairn.cloudevents import CloudEvent
from chassis.streams.message import Partition, Record
from deploy.local.stack import Endpoints
from tests.e2e.runs import TABLES, rows_of
from tests.e2e.topics import Carried, placed
from tests.prove.applied import Applied, read_log
from tests.prove.comparing import (
    Records,
    ambiguous,
    by_identity,
    flipped_back,
    misplaced,
    reordered,
    unlike,
)
from tests.prove.consumers import CONSUMERS, DOWNSTREAM, UPSTREAM, Consumer
from tests.prove.endings import unexplained
from tests.prove.failures import excused, failures
from tests.prove.findings import Findings
from tests.prove.ground import LOGS, Ground
from tests.prove.letters import check_letters, letters_of
from tests.prove.passages import hits
from tests.prove.presence import all_placed, arrived, counted, counted_as_it_ended, endings_of
from tests.prove.processes import CONSUMING
from tests.prove.reevaluations import all_told
from tests.prove.replay import make_empty, outbox_of, replay

_OF_INTAKE = frozenset({"assessment.statement", "assessment.raw_payload"})


async def judge(
    ground: Ground, endpoints: Endpoints, events: Iterable[CloudEvent], *, through_http: bool
) -> Findings:
    """Judge a run that has come to rest; through HTTP it has no log of intake to replay."""
    findings = _failed(ground)
    logs = {service: await read_log(dsn) for service, dsn in ground.up.databases.items()}
    replayed = {service: await make_empty(endpoints.admin, service) for service in logs}
    for consumer in CONSUMERS:
        records = await _records(ground, consumer)
        log = [each for each in logs[consumer.service] if each.consumer == consumer.name]
        await _ended(findings, ground, consumer, records, log)
        if through_http and consumer is UPSTREAM:
            continue
        _consumed(findings, consumer, log, records)
        keys = ground.up.installation.layout.keys
        published = ground.up.databases[consumer.service]
        ended = await replay(consumer, keys, log, records, published, replayed[consumer.service])
        if ended != Counter(each.outcome for each in log):
            findings.differing.append(f"{consumer.name}: the replay ended {dict(ended)}")
    await _compare(
        findings, ground, {service: admin for service, (admin, _) in replayed.items()}, through_http
    )
    await arrived(findings, ground, events)
    await all_placed(findings, ground.up.databases["records"])
    await all_told(findings, ground)
    return findings


async def _ended(
    findings: Findings, ground: Ground, consumer: Consumer, records: Records, log: Sequence[Applied]
) -> None:
    """Check how each record ended, by the counts, by the log and by the dead letters."""
    endings = await endings_of(ground.up.databases[consumer.service], consumer)
    letters = await letters_of(ground.up.bootstrap, consumer)
    counted(findings, consumer, endings, records)
    counted_as_it_ended(findings, consumer, endings, log, letters)
    check_letters(findings, consumer, letters, records, log)


def _failed(ground: Ground) -> Findings:
    """Find what failed in the processes, and what ended them besides the proof."""
    anew = {name for name in CONSUMING if ground.services[name].environment["RUNNER"] == "faust"}
    told = ground.folder / LOGS, ground.inflicted, anew
    deaths = Counter(mark.partition("|")[0] for mark in hits(ground.marks).elements())
    ended = unexplained(ground.keeper.endings, ground.inflicted, deaths)
    return Findings(failed=[*failures(*told), *ended], excused=excused(*told))


async def _records(ground: Ground, consumer: Consumer) -> Records:
    found: dict[tuple[Partition, int], Record] = {}
    for topic in consumer.reads:
        found |= await placed(ground.up.bootstrap, topic)
    return found


def _consumed(findings: Findings, consumer: Consumer, log: Sequence[Applied], records: Records) -> None:
    """Check that what stands in the topics took effect, each event once; what has no headers is no event."""
    taken = Counter(
        Carried.of(records[each.at, each.offset]).identity for each in log if each.outcome != "dead_lettered"
    )
    judged = {Carried.of(records[each.at, each.offset]).identity for each in log}
    there = {Carried.of(record).identity for record in records.values() if record.headers}
    findings.lost += (f"{consumer.name}: {each} took no effect" for each in sorted(there - judged))
    findings.duplicated += (
        f"{consumer.name}: {each} took effect {count} times" for each, count in taken.items() if count > 1
    )
    findings.differing += flipped_back(consumer, log, records)


async def _compare(
    findings: Findings, ground: Ground, replayed: Mapping[str, str], through_http: bool
) -> None:
    """Compare tables and topics with those of the replay."""
    for service, admin in replayed.items():
        for table in TABLES[service]:
            if not (through_http and table in _OF_INTAKE):
                run = await rows_of(ground.up.databases[service], table)
                findings.differing += _between(table, run, await rows_of(admin, table))
    for consumer in DOWNSTREAM if through_http else CONSUMERS:
        published = await placed(ground.up.bootstrap, consumer.publishes)
        carried = [Carried.of(each) for each in published.values() if each.headers]
        would_be = await outbox_of(replayed[consumer.service], consumer.publishes)
        run_events, again = by_identity(carried), by_identity(would_be)
        what = consumer.publishes
        findings.differing += misplaced(what, published)
        findings.duplicated += (f"{what}: {each} says two things" for each in ambiguous(carried))
        findings.differing += (
            f"{what}: {key!r} carries its events in another order" for key in reordered(carried, would_be)
        )
        findings.lost += (
            f"{what}: {each} was not published" for each in sorted(again.keys() - run_events.keys())
        )
        findings.duplicated += (
            f"{what}: {each} has no ground" for each in sorted(run_events.keys() - again.keys())
        )
        findings.differing += (
            f"{what}: {each} says something else: {', '.join(unlike(run_events[each], again[each]))}"
            for each in sorted(run_events.keys() & again.keys())
            if run_events[each] != again[each]
        )


def _between(table: str, run: frozenset[str], again: frozenset[str]) -> Iterator[str]:
    yield from (f"{table}: only in the run: {row}" for row in sorted(run - again))
    yield from (f"{table}: only in the replay: {row}" for row in sorted(again - run))
