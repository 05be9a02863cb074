# SPDX-License-Identifier: Apache-2.0
"""Requests that share a transaction: each gets its own verdicts, and none pays for another."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from chassis.unit.unit import Unit
from services.assessment.app.arrival import Arrival
from services.assessment.app.intake import Answer, Intake
from tests.integration.services.assessment.house import STRUCTURED, House, native


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many arrivals each transaction held, the refused ones included."""
    sizes: list[int] = []
    take = Intake.take

    async def refusing(intake: Intake, unit: Unit, arrivals: Sequence[Arrival]) -> list[Answer]:
        sizes.append(len(arrivals))
        if any(b"unstorable" in arrival.raw for arrival in arrivals):
            raise asyncpg.DataError("22P05")
        return await take(intake, unit, arrivals)

    monkeypatch.setattr(Intake, "take", refusing)
    return sizes


async def posted(house: House, *events: dict[str, Any]) -> list[dict[str, Any]]:
    """Send each event in a request of its own, all at once; return the items in that order."""
    async with house.client() as client:
        answers = await asyncio.gather(
            *(
                client.post(house.path, content=json.dumps(event), headers={"content-type": STRUCTURED})
                for event in events
            )
        )
    assert {answer.status_code for answer in answers} == {200}
    return [answer.json()["items"][0] for answer in answers]


async def test_requests_of_one_moment_share_a_transaction_and_keep_their_verdicts(
    shared: House, taken: list[int]
) -> None:
    events = [native(number) for number in range(40)]
    other = native(7, score={"raw": "51", "min": "0", "max": "100"})
    bad = native(41, attempt=0)
    items = await posted(shared, *events, events[3], other, bad)
    assert [item["id"] for item in items[:40]] == [event["id"] for event in events]
    verdicts = ["stored"] * 40 + ["duplicate", "conflict", "refused"]
    assert [item["verdict"] for item in items] == verdicts
    assert len(taken) < 10
    assert sum(taken) == 43
    counts = await shared.look(
        "select stored, duplicate, conflict, refused from assessment.door_count where tenant = $1",
        shared.tenant,
    )
    assert [tuple(row) for row in counts] == [(40, 1, 1, 1)]


async def test_what_the_database_refuses_is_refused_alone(shared: House, taken: list[int]) -> None:
    events = [native(number) for number in range(9)]
    events[4]["data"]["activity"] = "https://example.org/unstorable"
    items = await posted(shared, *events)
    assert [item["verdict"] for item in items] == ["stored"] * 4 + ["refused"] + ["stored"] * 4
    assert "SQLSTATE" in items[4]["reason"]
    assert max(taken) > 1
    counts = await shared.look(
        "select stored, duplicate, conflict, refused from assessment.door_count where tenant = $1",
        shared.tenant,
    )
    assert [tuple(row) for row in counts] == [(8, 0, 0, 1)]


async def test_a_large_request_keeps_no_small_one_waiting(shared: House, taken: list[int]) -> None:
    large = asyncio.create_task(shared.post(*(native(number) for number in range(500))))
    small = await posted(shared, native("alone"))
    told = await large
    assert told["counts"] == {"stored": 500}
    assert small[0]["verdict"] == "stored"
    assert sorted(taken) == [1, 500]
