# SPDX-License-Identifier: Apache-2.0
"""Asking for records while a story runs: every answer must have its disclosure (I8).

A door that is down gives none, and is asked again; any other refusal is a finding, and so are no answers.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import asyncpg

from cairn.client.errors import CallError, UnavailableError
from cairn.client.records import RecordsClient, open_records
from deploy.local.cohort.submission import TENANT
from tests.prove.findings import Findings
from tests.prove.ground import Ground

_ASK_EVERY_SECONDS = 0.05


@dataclass(slots=True)
class Answers:
    """How many records were answered, the disclosures that the answers named, and what was refused."""

    given: int = 0
    disclosures: set[str] = field(default_factory=set)
    refusals: Counter[str] = field(default_factory=Counter)

    async def ask(self, ground: Ground) -> None:
        """Ask for one record after the other until cancelled; an answer that does not come is asked again."""
        address = ground.up.installation.layout.address("records-grpc")
        async with open_records(address, TENANT) as records:
            while True:
                await self._ask_each(records)
                await asyncio.sleep(_ASK_EVERY_SECONDS)

    async def _ask_each(self, records: RecordsClient) -> None:
        try:
            async for entry in records.entries(page_size=20):
                answer = await records.record(entry.name.split("/")[3])
                self.given += 1
                self.disclosures.add(answer.disclosure_id)
                await asyncio.sleep(_ASK_EVERY_SECONDS)
        except CallError as error:
            self.note(error)

    def note(self, error: CallError) -> None:
        """Count a refusal, unless the door is down, of which gRPC itself makes errors without a reason."""
        if error.reason and not isinstance(error, UnavailableError):
            self.refusals[error.reason] += 1


@asynccontextmanager
async def asked(ground: Ground) -> AsyncIterator[Answers]:
    """Ask for records while the block runs."""
    answers = Answers()
    asking = asyncio.create_task(answers.ask(ground))
    try:
        yield answers
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking


async def check_answers(findings: Findings, ground: Ground, answers: Answers) -> None:
    """Check that records were answered, and each with a disclosure of its own (I8)."""
    connection = await asyncpg.connect(ground.up.databases["records"])
    try:
        rows = await connection.fetch("select disclosure_id::text from records.disclosure")
    finally:
        await connection.close()
    check_disclosed(findings, answers, {row[0] for row in rows})


def check_disclosed(findings: Findings, answers: Answers, kept: Collection[str]) -> None:
    """Check the answers against the disclosures that are kept."""
    if not answers.given:
        findings.failed.append("no record was answered: nothing is shown of disclosures")
    findings.failed += (
        f"asked for records, {count} times: {refusal}" for refusal, count in sorted(answers.refusals.items())
    )
    missing = sorted(answers.disclosures.difference(kept))
    findings.lost += (f"disclosure {each} of an answer is not kept" for each in missing)
    if shared := answers.given - len(answers.disclosures):
        findings.lost.append(f"{shared} answers have no disclosure of their own")
