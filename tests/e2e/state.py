# SPDX-License-Identifier: Apache-2.0
"""The final state of an installation, read by SQL as its administrator, in canonical form.

Canonical form is everything except recorded time, position, outbox id, trace context and
ciphertext (design section 3).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypeAlias

import asyncpg

Outcomes: TypeAlias = Mapping[tuple[str, str], Counter[str]]


@dataclass(frozen=True, slots=True)
class AttainedRow:
    """One learner's attainment in one competency, as it was last published."""

    status: str
    score: Decimal | None
    achieved_on: date | None
    revision: int
    event_id: str


@dataclass(frozen=True, slots=True)
class State:
    """What the three databases hold for one tenant."""

    attainments: Mapping[tuple[str, str], AttainedRow]
    """By learner and competency."""
    standings: Mapping[tuple[str, str], str]
    """By learner and credential: absent, good or under_review."""
    determinations: Mapping[tuple[str, str], tuple[str, str]]
    """By learner and credential: the state of the award and what its rule answers now."""
    holdings: Mapping[tuple[str, str], str]
    """By learner and credential: the credit that the award gives and what is allotted to it, as stored."""
    entries: Mapping[tuple[str, int], tuple[str, str]]
    """By learner and sequence: the canonical text and its hash."""
    outcomes: Outcomes
    """By consumer and topic: how the consumed records ended."""
    door: Counter[str]
    """How the items at the HTTP door ended."""


async def read_state(databases: Mapping[str, str], tenant: str) -> State:
    """Read the final state through the administrator's DSN of each service's database."""
    assessment = await asyncpg.connect(databases["assessment"])
    recognition = await asyncpg.connect(databases["recognition"])
    records = await asyncpg.connect(databases["records"])
    try:
        awards = await _awards(recognition, tenant)
        return State(
            attainments=await _attainments(assessment, tenant),
            standings=await _standings(records, tenant),
            determinations={place: (row["state"], row["answer"]) for place, row in awards.items()},
            holdings={place: row["holding"] for place, row in awards.items()},
            entries=await _entries(records, tenant),
            outcomes={
                place: counts
                for database in databases.values()
                for place, counts in (await outcomes_of(database)).items()
            },
            door=await _door(assessment, tenant),
        )
    finally:
        await assessment.close()
        await recognition.close()
        await records.close()


async def _attainments(connection: asyncpg.Connection, tenant: str) -> dict[tuple[str, str], AttainedRow]:
    rows = await connection.fetch("select * from assessment.attainment where tenant = $1", tenant)
    return {
        (row["learner"], row["competency"]): AttainedRow(
            row["status"], row["score"], row["achieved_on"], row["revision"], str(row["event_id"])
        )
        for row in rows
    }


async def _standings(connection: asyncpg.Connection, tenant: str) -> dict[tuple[str, str], str]:
    rows = await connection.fetch("select * from records.award_head where tenant = $1", tenant)
    return {(row["learner"], row["credential"]): row["standing"] for row in rows}


async def _awards(connection: asyncpg.Connection, tenant: str) -> dict[tuple[str, str], asyncpg.Record]:
    rows = await connection.fetch("select * from recognition.award where tenant = $1", tenant)
    return {(row["learner"], row["credential"]): row for row in rows}


async def _entries(connection: asyncpg.Connection, tenant: str) -> dict[tuple[str, int], tuple[str, str]]:
    rows = await connection.fetch("select * from records.entry where tenant = $1", tenant)
    return {(row["learner"], row["sequence"]): (row["canonical"], row["hash"].hex()) for row in rows}


async def outcomes_of(database: str) -> dict[tuple[str, str], Counter[str]]:
    """Return how the records of each consumer and topic ended, from a service's database."""
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch(
            "select consumer, topic, sum(applied)::bigint as applied, sum(duplicate)::bigint as duplicate,"
            " sum(ignored)::bigint as ignored, sum(parked)::bigint as parked,"
            " sum(dead_lettered)::bigint as dead_lettered from chassis.fence group by consumer, topic"
        )
    finally:
        await connection.close()
    named = ("applied", "duplicate", "ignored", "parked", "dead_lettered")
    return {
        (row["consumer"], row["topic"]): Counter({name: row[name] for name in named if row[name]})
        for row in rows
    }


async def _door(connection: asyncpg.Connection, tenant: str) -> Counter[str]:
    rows = await connection.fetch("select * from assessment.door_count where tenant = $1", tenant)
    counted: Counter[str] = Counter()
    for row in rows:
        counted.update({name: row[name] for name in ("stored", "duplicate", "conflict", "refused")})
    return +counted
