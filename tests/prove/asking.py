# SPDX-License-Identifier: Apache-2.0
"""Asking for records while a story runs: every answer must have its disclosure (I8)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import asyncpg

from cairn.client.errors import CallError
from cairn.client.records import open_records
from deploy.local.cohort.submission import TENANT
from tests.prove.ground import Ground

_ASK_EVERY_SECONDS = 0.05


@dataclass(slots=True)
class Answers:
    """The disclosures that answers named."""

    disclosures: set[str] = field(default_factory=set)

    async def ask(self, ground: Ground) -> None:
        """Ask for one record after the other until cancelled; an answer that does not come is asked again."""
        address = ground.up.installation.layout.address("records-grpc")
        async with open_records(address, TENANT) as records:
            while True:
                with suppress(CallError):
                    async for entry in records.entries(page_size=20):
                        answer = await records.record(entry.name.split("/")[3])
                        self.disclosures.add(answer.disclosure_id)
                        await asyncio.sleep(_ASK_EVERY_SECONDS)
                await asyncio.sleep(_ASK_EVERY_SECONDS)


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


async def undisclosed(ground: Ground, answers: Answers) -> list[str]:
    """Name the answers that came without a disclosure (I8)."""
    connection = await asyncpg.connect(ground.up.databases["records"])
    try:
        rows = await connection.fetch("select disclosure_id::text from records.disclosure")
    finally:
        await connection.close()
    kept = {row[0] for row in rows}
    return [f"disclosure {each} of an answer is not kept" for each in sorted(answers.disclosures - kept)]
