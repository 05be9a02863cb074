# SPDX-License-Identifier: Apache-2.0
"""The schedule process over a real broker: killed in the middle of a scan, while results flow."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cairn.topics.apply import apply
from tests.integration.services.assessment.house import POLICY, House, native, who

ROOT = Path(__file__).parents[4]
TWO = "https://example.org/activity/2"
HIGH = {"raw": "90", "min": "0", "max": "100"}
SECOND = POLICY.replace("version: 1", "version: 2").replace('"0.40"', '"0.95"')
BEFORE, MEANWHILE = range(300), range(300, 420)


class Processes:
    """The processes of one house."""

    def __init__(self, house: House, broker: str) -> None:
        self._house = house
        self._broker = broker
        self._running: list[Process] = []

    async def start(self, role: str, *arguments: str) -> Process:
        environment = {
            **os.environ,
            "DATABASE_URL": self._house.dsns[role],
            "KAFKA_BOOTSTRAP_SERVERS": self._broker,
            "KAFKA_SESSION_TIMEOUT_SECONDS": "6",
            "REEVALUATIONS_PER_SECOND": "60",
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.assessment", *arguments),
            cwd=ROOT,
            env=environment,
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
        self._running.append(process)
        return process

    async def stop(self) -> list[int]:
        for process in self._running:
            if process.returncode is None:
                process.terminate()
        return [await asyncio.wait_for(process.wait(), 20) for process in self._running]


@pytest.fixture
async def processes(house: House, broker: str) -> AsyncIterator[Processes]:
    await apply(broker, [house.source.name])
    processes = Processes(house, broker)
    yield processes
    await processes.stop()


async def one(house: House, query: str, *arguments: object) -> Any:
    return (await house.look(query, *arguments))[0][0]


async def until(house: House, query: str, *arguments: object) -> None:
    """Wait until a query about the house answers true."""
    async with asyncio.timeout(60):
        while not await one(house, query, *arguments):  # noqa: ASYNC110 - another's rows
            await asyncio.sleep(0.05)


def results(numbers: range) -> list[dict[str, Any]]:
    return [native(number, learner=who(f"p{number}"), activity=TWO, score=HIGH) for number in numbers]


@pytest.mark.timeout(240)
async def test_a_scan_that_is_killed_goes_on_and_brings_everybody_to_the_epoch(
    house: House, processes: Processes
) -> None:
    await house.publish(POLICY)
    await processes.start("relay", "relay")
    await processes.start("consume", "consume", "results")
    await house.post(*results(BEFORE))
    await until(house, "select count(*) = $1 from assessment.attainment", len(BEFORE))

    await house.publish(SECOND)
    schedule = await processes.start("schedule", "schedule")
    await until(house, "select looked_at > 0 from chassis.scan")
    schedule.kill()
    await schedule.wait()
    assert await one(house, "select looked_at < 300 and finished_at is null from chassis.scan")
    await house.post(*results(MEANWHILE))
    again = await processes.start("schedule", "schedule")
    await until(house, "select finished_at is not null from chassis.scan")
    everybody = len(BEFORE) + len(MEANWHILE)
    await until(house, "select count(*) = $1 from assessment.attainment where policy_version = 2", everybody)

    assert await one(house, "select count(*) from assessment.attainment") == everybody
    looked_at, told = (await house.look("select looked_at, told from chassis.scan"))[0]
    assert len(BEFORE) <= told <= looked_at <= everybody
    await until(house, "select count(*) = 0 from chassis.outbox")
    ended = await house.look(
        "select sum(applied)::int, sum(dead_lettered)::int from chassis.fence"
        " where topic = 'assessment.reevaluations.v1'"
    )
    assert tuple(ended[0]) == (len(BEFORE), 0), "one for each who stood below the epoch"
    revisions = await house.look("select distinct revision from assessment.attainment order by 1")
    assert [row[0] for row in revisions] == [1, 2]
    again.terminate()
    assert await asyncio.wait_for(again.wait(), 15) == 0


@pytest.mark.timeout(120)
async def test_an_attainment_lapses_although_no_record_comes(house: House, processes: Processes) -> None:
    await house.publish(POLICY.replace("version: 1", "version: 1\nvalid_for_months: 1"))
    for role, *arguments in (
        ("relay", "relay"),
        ("consume", "consume", "results"),
        ("schedule", "schedule"),
    ):
        await processes.start(role, *arguments)
    await house.post(native(1, activity=TWO, score=HIGH, occurred_at="2026-02-15T10:00:00Z"))
    await until(house, "select count(*) = 1 from assessment.attainment where status = 'lapsed'")
    assert await one(house, "select count(*) from chassis.due") == 0
