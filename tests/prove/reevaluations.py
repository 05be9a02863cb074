# SPDX-License-Identifier: Apache-2.0
"""Whether what the schedules have told stands in the topics: timers, and whom a publication can affect."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import asyncpg

from cairn.ids import LearnerId, TenantId
from chassis.schedule.reevaluations import due_reached, topic_of
from chassis.unit.due import Due
from tests.e2e.quiet import SCHEDULED
from tests.e2e.topics import Carried, read
from tests.prove.findings import Findings
from tests.prove.ground import Ground

# One that falls due in this very moment is told a second later.
_REACHED = """
select at, kind, ref, tenant, learner, setting, told_at is not null as told from chassis.due
where at <= now() - interval '10 seconds'
"""
_SCANS = "select tenant, epoch, told from chassis.scan"
_MISSED = {
    "assessment": """
        select learner, competency, attainment.epoch, published.epoch from assessment.attainment
        join (
            select tenant, competency, max(epoch) as epoch from assessment.policy group by 1, 2
        ) as published using (tenant, competency)
        where attainment.epoch < published.epoch order by 1, 2
    """,
    "recognition": """
        select learner, credential, award.epoch, published.epoch from recognition.award
        join (
            select tenant, rule, max(epoch) as epoch from recognition.rule_version group by 1, 2
        ) as published using (tenant, rule)
        where award.epoch < published.epoch order by 1, 2
    """,
}
"""What stands below the last publication of its own policy or rule; a change of outcome it need not bring."""
_EPOCH_RAISED = b"org.cairn.reevaluation.epoch.raised.v1"


class Reached(NamedTuple):
    """A timer that still stands although its instant has come."""

    due: Due
    setting: int
    told: bool


async def all_told(findings: Findings, ground: Ground) -> None:
    """Check of each service that what its schedule was to tell, and says to have told, was published."""
    for service in SCHEDULED:
        published = await read(ground.up.bootstrap, topic_of(service))
        timers, scans = await _told(ground.up.databases[service])
        findings.lost += (f"{service}: {each}" for each in unpublished(timers, published))
        for each, missing in scanned(scans, published):
            (findings.lost if missing > 0 else findings.duplicated).append(f"{service}: {each}")
        findings.lost += [
            f"{service}: {each}" for each in await missed(service, ground.up.databases[service])
        ]


def unpublished(timers: Iterable[Reached], published: Iterable[Carried]) -> Iterator[str]:
    """Name each timer that was not told, or is marked as told by a re-evaluation that is nowhere."""
    there = {dict(each.headers)["ce_id"].decode() for each in published if each.headers}
    for due, setting, told in timers:
        where = f"the timer {due.kind} of {due.learner} at {due.at.isoformat()}"
        if not told:
            yield f"{where} is due and was not told"
        elif due_reached(due, setting).reevaluation_id not in there:
            yield f"{where} is marked as told, and nothing was published"


def scanned(scans: Mapping[tuple[str, int], int], published: Iterable[Carried]) -> Iterator[tuple[str, int]]:
    """Yield each scan that told of other learners than were published, with how many are missing."""
    ids = {
        (dict(each.headers)["ce_id"], each.value or b"{}")
        for each in published
        if each.headers and dict(each.headers)["ce_type"] == _EPOCH_RAISED
    }
    said = (json.loads(value) for _, value in ids)
    there = Counter((each["tenant"], each["epoch"]) for each in said)
    for tenant, epoch in sorted(scans.keys() | there.keys()):
        told, found = scans.get((tenant, epoch), 0), there[tenant, epoch]
        if told != found:
            yield f"the scan of epoch {epoch} told of {told} learners, published are {found}", told - found


async def missed(service: str, dsn: str) -> list[str]:
    """Name what the last publication of its policy or rule has not reached, once all is at rest."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(_MISSED[service])
    finally:
        await connection.close()
    return [f"{what} of {learner} stands at epoch {at}, published was {of}" for learner, what, at, of in rows]


async def _told(dsn: str) -> tuple[list[Reached], dict[tuple[str, int], int]]:
    """Read the timers whose instant has come, and how many learners each scan has told of."""
    connection = await asyncpg.connect(dsn)
    try:
        timers = [
            Reached(Due(at, kind, ref, TenantId(tenant), LearnerId(learner)), setting, told)
            for at, kind, ref, tenant, learner, setting, told in await connection.fetch(_REACHED)
        ]
        scans = {(tenant, epoch): told for tenant, epoch, told in await connection.fetch(_SCANS)}
    finally:
        await connection.close()
    return timers, scans
