# SPDX-License-Identifier: Apache-2.0
"""A learner with a record of 40 entries, decided as recognition decides and read as a partner reads."""

import asyncio
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain

from aiokafka import AIOKafkaProducer

from cairn.client.records import RecordsClient, open_records
from cairn.events.decision import Credit, DecisionKind, DecisionMade
from cairn.ids import LearnerId, topic_key
from deploy.local.cohort.submission import TENANT
from services.records.app.ledger import DECISIONS
from tests.e2e.installation import Whole
from tests.integration.services.records.feeding import headers_and_value, life

LEARNER = LearnerId("l-with-a-long-record")
AWARDS = 10
ENTRIES = 40
_LIFE = (DecisionKind.CONFERRED, DecisionKind.REALLOTTED, DecisionKind.UNDER_REVIEW, DecisionKind.UPHELD)
_WORTH = (Credit(amount=Fraction(60), system="cats", level="4"),)
_GROUNDS = tuple(f"0d0b9c2e-6c0f-5b3a-9a57-3f1f0a6b4c{number:02d}" for number in range(3))
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
    return chain.from_iterable(
        life(TENANT, LEARNER, *_LIFE, credential=f"module-{number}", credits=_WORTH, grounds=_GROUNDS)
        for number in range(AWARDS)
    )
