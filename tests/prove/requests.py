# SPDX-License-Identifier: Apache-2.0
"""What a process does as soon as it is asked to, by a file that is put down.

It stops itself before it does the next batch that it has read, or sends the next rows, outside any
transaction: whatever another owner does meanwhile, it wakes with that very work in its hands, and with
the belief that it is its own. And it takes its time within each unit of work, or before it sends: so
that two that are at the same learners are so at the same moment, and who is killed is so half-way.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

from tests.prove.places import before

_WORK: Mapping[str, str] = {"consume": "chassis.unit.work:UnitOfWork.run", "relay": "chassis.relay.slot:send"}
"""By command, the function that a process enters with work in its hands."""
_MIDST: Mapping[str, str] = {
    "consume": "chassis.unit.closing:publish_unit",
    "relay": "aiokafka:AIOKafkaProducer.send_batch",
}
"""By command, the function that a process enters in the midst of its work."""
_SLOW_SECONDS = 0.15
_FOLDER = "requests"


def begin_requests(folder: Path) -> None:
    """Begin with nothing asked for."""
    shutil.rmtree(folder / _FOLDER, ignore_errors=True)
    (folder / _FOLDER).mkdir()


def stop_request(folder: Path, process: str) -> Path:
    """Return the file by which a process is asked to stop with work in its hands."""
    return folder / _FOLDER / f"stop-{process}"


def slow_request(folder: Path) -> Path:
    """Return the file by which all consumers and relays are asked to take their time."""
    return folder / _FOLDER / "slow"


def stop_when_asked(command: str, asked: Path) -> None:
    """Have this process stop with work in its hands once the file is there; it takes the file away."""

    async def stop() -> None:
        if _taken(asked):
            os.kill(os.getpid(), signal.SIGSTOP)

    if command in _WORK:
        before(_WORK[command], stop)


def slow_down_when_asked(command: str, asked: Path) -> None:
    """Have this process rest in the midst of its work while the file is there; only some commands can."""

    async def rest() -> None:
        if _there(asked):
            await asyncio.sleep(_SLOW_SECONDS)

    if command in _MIDST:
        before(_MIDST[command], rest)


def _there(asked: Path) -> bool:
    return asked.exists()


def _taken(asked: Path) -> bool:
    there = asked.exists()
    asked.unlink(missing_ok=True)
    return there
