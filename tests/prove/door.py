# SPDX-License-Identifier: Apache-2.0
"""Whether the counts of the HTTP door are those of its answers, and of what is stored (I3)."""

from collections import Counter

import asyncpg

from deploy.local.cohort.submission import TENANT
from tests.e2e.installation import INGEST
from tests.e2e.state import read_state
from tests.prove.findings import Findings
from tests.prove.ground import Ground

_STATEMENTS = "select count(*) from assessment.statement where tenant = $1"


async def check_door(findings: Findings, ground: Ground, answered: Counter[str]) -> None:
    """Check what the door has counted of a run that has come to rest."""
    state = await read_state(ground.up.databases, TENANT)
    connection = await asyncpg.connect(ground.up.databases["assessment"])
    try:
        statements = int(await connection.fetchval(_STATEMENTS, TENANT))
    finally:
        await connection.close()
    compare_door(findings, state.door, answered, statements - state.outcomes["intake", INGEST]["applied"])


def compare_door(findings: Findings, counted: Counter[str], answered: Counter[str], stored: int) -> None:
    """Compare counts with answers, of which some may have been lost, and with what the door has stored."""
    findings.lost += (
        f"the door answered {answer} {count} times, and counted {counted[answer]}"
        for answer, count in sorted(answered.items())
        if count > counted[answer]
    )
    if missing := stored - counted["stored"]:
        where = f"through the door {stored} statements were stored, counted {counted['stored']}"
        (findings.lost if missing > 0 else findings.duplicated).append(where)
