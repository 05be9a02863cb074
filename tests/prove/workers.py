# SPDX-License-Identifier: Apache-2.0
"""Workers of an installation under proof: a second one of a process, one that runs elsewhere, a zombie."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

import psutil

from deploy.local.processes import Service
from tests.prove.ground import Ground
from tests.prove.processes import second_of
from tests.prove.requests import slow_request, stop_request
from tests.prove.wired import READS, STOP

# A worker has its partitions after about so long.
JOINED_SECONDS = 3.0
_UP_AGAIN_SECONDS = 30.0
# What was down before may first have to start again.
_WORK_COMES_SECONDS = 90.0
_LOOK_SECONDS = 0.1


@asynccontextmanager
async def second_workers(ground: Ground, reads: Mapping[str, Sequence[str]]) -> AsyncIterator[None]:
    """Let a second worker of each process named join, and leave at the end of the block.

    A consumer that ``reads`` only some of the topics gets a share of these alone, so that the records of
    a learner come to both workers at once; one that reads none of them in particular reads all.
    """
    processes, seconds = ground.up.installation.processes, {second_of(name) for name in reads}
    processes.start([_second(ground.services[name], topics) for name, topics in reads.items()])
    ground.keeper.kept |= seconds
    await asyncio.sleep(JOINED_SECONDS)
    try:
        yield
    finally:
        await ground.keeper.stop(seconds)


def _second(service: Service, reads: Sequence[str]) -> Service:
    environment = {**service.environment, READS: json.dumps(list(reads))}
    environment.pop(STOP)
    return replace(service, name=second_of(service.name), health_port=0, environment=environment)


@asynccontextmanager
async def elsewhere(ground: Ground, name: str, service: Service) -> AsyncIterator[None]:
    """Run a process in another way within the block, and as it was after it."""
    processes = ground.up.installation.processes
    await ground.keeper.stop({name})
    processes.start([service])
    try:
        yield
    finally:
        await ground.keeper.stop({name})
        processes.start([ground.services[name]])
        ground.keeper.kept.add(name)


@contextmanager
def slow_units(ground: Ground) -> Iterator[None]:
    """Let every consumer and relay take its time over its work within the block."""
    request = slow_request(ground.folder)
    request.touch()
    try:
        yield
    finally:
        request.unlink()


async def process_of(ground: Ground, name: str) -> psutil.Process:
    """Return the process that bears a name now, waiting for a moment while it is being started again."""
    processes, deadline = ground.up.installation.processes, time.monotonic() + _UP_AGAIN_SECONDS
    while (process := processes.running(name).process()) is None:
        if time.monotonic() > deadline:
            message = f"{name} was not started again in {_UP_AGAIN_SECONDS:.0f} s"
            raise AssertionError(message)
        await asyncio.sleep(_LOOK_SECONDS)
    return process


async def stopped_with_work(ground: Ground, name: str) -> psutil.Process:
    """Return a process that has stopped with work in its hands; some must be on its way."""
    deadline = time.monotonic() + _WORK_COMES_SECONDS
    stop_request(ground.folder, name).touch()
    while time.monotonic() < deadline:
        process = await process_of(ground, name)
        if process.status() == psutil.STATUS_STOPPED:
            return process
        await asyncio.sleep(_LOOK_SECONDS)
    message = f"{name} had no work in {_WORK_COMES_SECONDS:.0f} s"
    raise AssertionError(message)
