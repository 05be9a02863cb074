# SPDX-License-Identifier: Apache-2.0
"""A learner with a record of 40 entries, decided as recognition decides and read as a partner reads."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from aiokafka import AIOKafkaProducer

from cairn.client.records import RecordsClient, open_records
from cairn.events.decision import Credit, DecisionKind, DecisionMade
from cairn.ids import LearnerId, TenantId, derived_id, topic_key
from deploy.local.cohort.submission import TENANT
from services.records.app.ledger import DECISIONS
from tests.e2e.installation import Whole
from tests.integration.services.records.feeding import headers_and_value, made

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
_LONGEST_SECONDS = 60.0


async def decide(up: Whole) -> None:
    """Publish the decisions and return once the record has every entry at its position."""
    producer = AIOKafkaProducer(bootstrap_servers=up.bootstrap, enable_idempotence=True)
    await producer.start()
    try:
        for decision in _decisions():
            headers, value = headers_and_value(decision)
            key = topic_key(decision.tenant, decision.learner)
            await producer.send_and_wait(DECISIONS, value, key, headers=headers)
    finally:
        await producer.stop()
    address = up.installation.layout.address("records-grpc")
    async with asyncio.timeout(_LONGEST_SECONDS), open_records(address, TENANT) as records:
        # A watch would be another kind of reader, and is not measured.
        while await _placed(records) < ENTRIES:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def _placed(records: RecordsClient) -> int:
    return sum(entry.HasField("position") for entry in (await records.record(LEARNER)).record.entries)


def _decisions() -> Iterator[DecisionMade]:
    for number in range(AWARDS):
        for revision, (kind, more) in enumerate(_LIFE, start=1):
            credential = f"module-{number}"
            ground = derived_id(TenantId(TENANT), LEARNER, credential, revision, [kind])
            yield made(TENANT, LEARNER, kind, revision, credential=credential, grounds=(str(ground),), **more)
