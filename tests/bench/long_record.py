# SPDX-License-Identifier: Apache-2.0
"""A learner with a record of 40 entries, decided as recognition decides."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from fractions import Fraction
from typing import Any

from cairn.events.decision import Credit, DecisionKind, DecisionMade
from cairn.ids import LearnerId, TenantId, derived_id
from chassis.database import Pool, open_pool
from deploy.local.cohort.submission import TENANT
from deploy.local.provision import Provisioned
from tests.integration.services.records.feeding import feed, made, sequence

LEARNER = LearnerId("l-with-a-long-record")
AWARDS = 10
ENTRIES = 40
_WORTH = {"credits": (Credit(amount=Fraction(60), system="cats", level="4"),)}
_DOUBT = {
    "reason": "A result that this rests on was lowered.",
    "due_on": date(2014, 7, 1),
    "addressee": "registrar",
}
# As recognition decides: a review and what ends it say nothing of credits.
_LIFE: tuple[tuple[DecisionKind, Mapping[str, Any]], ...] = (
    (DecisionKind.CONFERRED, _WORTH),
    (DecisionKind.REALLOTTED, _WORTH),
    (DecisionKind.UNDER_REVIEW, _DOUBT),
    (DecisionKind.UPHELD, {"reason": "The registrar has looked at it."}),
)


async def decide(database: Provisioned) -> None:
    """Take the decisions into the ledger and give every entry its position, as the processes do."""
    async with _pool(database.dsns["consume"]) as consume, _pool(database.dsns["schedule"]) as schedule:
        await feed(consume, list(_decisions()))
        placed = await sequence(schedule)
    if placed != ENTRIES:
        message = f"{placed} entries have a position"
        raise AssertionError(message)


@asynccontextmanager
async def _pool(dsn: str) -> AsyncIterator[Pool]:
    pool = await open_pool(dsn, 3)
    try:
        yield pool
    finally:
        await pool.close()


def _decisions() -> Iterator[DecisionMade]:
    for number in range(AWARDS):
        for revision, (kind, more) in enumerate(_LIFE, start=1):
            credential = f"module-{number}"
            ground = derived_id(TenantId(TENANT), LEARNER, credential, revision, [kind])
            yield made(TENANT, LEARNER, kind, revision, credential=credential, grounds=(str(ground),), **more)
