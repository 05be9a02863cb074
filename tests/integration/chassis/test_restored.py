# SPDX-License-Identifier: Apache-2.0
"""A database restored to an hour ago: its consumer goes on from there, and nothing changes downstream."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from structlog.testing import capture_logs

from cairn.events.result import ResultRecorded
from chassis.errors import Conflict
from chassis.health import Health
from tests.integration.chassis.probe.feed import EPOCH, feed, result
from tests.integration.chassis.probe.handler import Tally
from tests.integration.chassis.probe.running import (
    RUNNERS,
    Probe,
    all_is_sent,
    consuming,
    counts,
    eventually,
    histories,
    read_all,
    relaying,
    running,
)

pytestmark = pytest.mark.parametrize("runner", sorted(RUNNERS))


class Backup:
    """A copy of a probe's whole database, made and put back as the administrator does."""

    def __init__(self, probe: Probe) -> None:
        parts = urlsplit(probe.admin)
        self._name = parts.path.removeprefix("/")
        self._copy = f"{self._name}_copy"
        self._server = urlunsplit(parts._replace(path="/postgres"))

    async def make(self) -> None:
        await self._do(f'create database "{self._copy}" template "{self._name}"')

    async def put_back(self) -> None:
        settings = await self._settings()
        await self._do(
            f'drop database "{self._name}" with (force)',
            f'alter database "{self._copy}" rename to "{self._name}"',
            *settings,
        )

    async def _settings(self) -> list[str]:
        """Return what grants the database's own rights again: they are no part of the copy."""
        connection = await asyncpg.connect(self._server)
        try:
            granted = await connection.fetch(
                "select (aclexplode(datacl)).grantee::regrole::text as role,"
                " (aclexplode(datacl)).privilege_type as right from pg_database where datname = $1",
                self._name,
            )
        finally:
            await connection.close()
        return [
            f'grant {row["right"]} on database "{self._name}" to {row["role"]}'
            for row in granted
            if row["role"] != "-"
        ]

    async def _do(self, *statements: str) -> None:
        connection = await asyncpg.connect(self._server)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


async def taken(probe: Probe, runner: str, records: int) -> dict[str, int]:
    async with consuming(probe, runner), relaying(probe):

        async def all_of_them() -> bool:
            return sum((await counts(probe)).values()) == records and await all_is_sent(probe)

        await eventually(all_of_them)
    return await counts(probe)


def results(numbers: range) -> Sequence[ResultRecorded]:
    return [result(number, f"l{number % 4}") for number in numbers]


async def test_it_goes_on_from_the_stored_progress_and_repeats_change_nothing_downstream(
    probe: Probe, downstream: Probe, runner: str
) -> None:
    backup = Backup(probe)
    await feed(probe.bootstrap, probe.topic, results(range(50)))
    await taken(probe, runner, 50)
    await backup.make()
    await feed(probe.bootstrap, probe.topic, results(range(50, 120)))
    assert (await taken(probe, runner, 120))["applied"] == 120
    assert (await taken(downstream, runner, 120))["applied"] == 120
    upstream, further = await histories(probe), await histories(downstream)

    await backup.put_back()
    assert sum((await counts(probe)).values()) == 50
    with capture_logs() as logs:
        found = await taken(probe, runner, 120)
    assert (found["applied"], found["duplicate"]) == (120, 0)
    assert told(logs, probe) == 70
    assert await histories(probe) == upstream
    again = await read_all(probe.bootstrap, probe.published, 190)
    assert len(set(again)) == 120, "byte for byte what was published before"
    with capture_logs() as logs:
        found = await taken(downstream, runner, 190)
    assert told(logs, downstream) == 0
    assert (found["applied"], found["duplicate"]) == (120, 70)
    assert await histories(downstream) == further


async def test_a_process_that_lives_on_goes_back_and_forgets_what_it_read(probe: Probe, runner: str) -> None:
    """Nothing new comes; the copy knows neither a day of the inbox nor an epoch that are in mind."""
    backup = Backup(probe)
    await feed(probe.bootstrap, probe.topic, results(range(50)))
    await taken(probe, runner, 50)
    await backup.make()
    day = EPOCH + timedelta(days=1)
    await feed(
        probe.bootstrap,
        probe.topic,
        [result(number, f"l{number % 4}", as_of=day) for number in range(50, 120)],
    )
    handler = Tally(probe.consumer, probe.topic, probe.published)
    with ending(runner):
        async with running(probe, runner, handler, 500):
            await eventually(partial(applied, probe, 120))
            before, loads = await histories(probe), len(handler.reloads)
            await backup.put_back()
            with capture_logs() as logs:
                await gone_back(probe, runner, 120)
            assert told(logs, probe) == 70
            assert runner == "faust" or len(handler.reloads) > loads
    found = await taken(probe, runner, 120)
    assert (found["applied"], found["dead_lettered"]) == (120, 0)
    assert await histories(probe) == before


async def test_a_process_to_whom_nothing_came_goes_back_as_well(probe: Probe, runner: str) -> None:
    backup = Backup(probe)
    await feed(probe.bootstrap, probe.topic, results(range(50)))
    await taken(probe, runner, 50)
    await backup.make()
    await feed(probe.bootstrap, probe.topic, results(range(50, 120)))
    await taken(probe, runner, 120)
    with ending(runner):
        async with running(probe, runner, Tally(probe.consumer, probe.topic, probe.published), 500) as health:
            await eventually(partial(ready, health))
            await backup.put_back()
            await gone_back(probe, runner, 120)
    assert (await taken(probe, runner, 120))["applied"] == 120


def told(logs: Sequence[Mapping[str, Any]], probe: Probe) -> int:
    """Return how many records the log says are done again, because the database was restored."""
    restored = {
        each["partition"]: each["before"] - each["progress"]
        for each in logs
        if (each["event"], each.get("consumer")) == ("database restored", probe.consumer)
    }
    return sum(restored.values())


def ending(runner: str) -> AbstractContextManager[object]:
    """Expect how it ends: Faust cannot be told to go back, and the next process begins at the progress."""
    return pytest.raises(Conflict) if runner == "faust" else nullcontext()


async def gone_back(probe: Probe, runner: str, records: int) -> None:
    """Wait until all is there again, or for longer than it takes to look."""
    if runner == "aiokafka":
        await eventually(partial(applied, probe, records))
    else:
        await asyncio.sleep(15)


async def ready(health: Health) -> bool:
    return health.ready


async def applied(probe: Probe, records: int) -> bool:
    return (await counts(probe))["applied"] == records
