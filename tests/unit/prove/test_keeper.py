# SPDX-License-Identifier: Apache-2.0
"""A process that ends is started again, and how it ended is noted once."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.local.processes import Processes, Service
from tests.prove.endings import unexplained
from tests.prove.inflicted import Inflicted
from tests.prove.keeper import Keeper

WITHIN = 20


def sleeper(name: str, then: str) -> Service:
    """Return a process that sleeps and then does something."""
    code = f'import os, time; print(\'{{"event": "stopping"}}\', flush=True); {then}'
    command = ("timeit", "-n", "1", "-r", "1", code)
    return Service(name=name, command=command, health_port=0, environment={})


@asynccontextmanager
async def kept(folder: Path, service: Service) -> AsyncIterator[tuple[Processes, Keeper]]:
    processes = Processes(folder, folder)
    keeper = Keeper(processes, folder / "logs")
    processes.start([service])
    keeper.kept.add(service.name)
    keeping = asyncio.create_task(keeper.keep())
    try:
        yield processes, keeper
    finally:
        keeping.cancel()
        await keeper.stop([service.name])


async def soon(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN):
        while not holds():  # noqa: ASYNC110 -- a process of the system sets no event here
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("killed", [signal.SIGKILL, signal.SIGABRT])
async def test_who_is_killed_by_the_system_is_started_again_and_named(tmp_path: Path, killed: int) -> None:
    async with kept(tmp_path, sleeper("relay", "time.sleep(60)")) as (processes, keeper):
        before = processes.running("relay").pid
        os.kill(before, killed)
        await soon(lambda: processes.running("relay").pid != before)
        (ending,) = keeper.endings
    assert (ending.process, ending.pid, ending.code) == ("relay", before, -killed)
    assert len(list(unexplained([ending], Inflicted(), {}))) == 1
    assert len(list(unexplained([ending], Inflicted(killed={before}), {}))) == (killed != signal.SIGKILL)


async def test_who_ends_by_force_is_named_with_what_was_said_last(tmp_path: Path) -> None:
    async with kept(tmp_path, sleeper("relay", "os._exit(3)")) as (_, keeper):
        await soon(lambda: bool(keeper.endings))
    assert next(unexplained(keeper.endings, Inflicted(), {})) == (
        "relay: ended unasked with exit code 3, last said: stopping"
    )


async def test_how_somebody_ends_who_is_stopped_is_noted_too(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(15, lambda *_: os._exit(1)); print(flush=True); time.sleep(60)"
    async with kept(tmp_path, sleeper("relay", deaf)) as (_, keeper):
        await soon(lambda: (tmp_path / "logs" / "relay.log").read_text(encoding="utf-8").endswith("\n\n"))
        assert not keeper.endings
    assert next(unexplained(keeper.endings, Inflicted(), {})) == (
        "relay: ended asked to, but with exit code 1, last said: stopping"
    )
