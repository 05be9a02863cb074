# SPDX-License-Identifier: Apache-2.0
"""Runs the services' processes as processes of the system, and notices when one ends.

Nothing is restarted unasked: a process that ends on its own is a fault, shown with the end of its log.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from deploy.local.detached import exit_code, launch, with_home
from deploy.local.logtail import ServerFailedError, tail
from deploy.local.ports import LOOPBACK
from deploy.local.running import Running, stop_all

STOP_SECONDS = 12.0
READY_SECONDS = 90.0
LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One process: a name, the module that it runs with its arguments, and its settings.

    ``prefix`` is a program that becomes the process, such as one that first enters a namespace.
    """

    name: str
    command: tuple[str, ...]
    health_port: int
    environment: Mapping[str, str] = field(repr=False)
    prefix: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Started:
    """A process that was started, with its log, and where in that it begins."""

    service: Service
    running: Running
    log: Path
    begins: int

    def check(self) -> None:
        """Raise ServerFailedError with the end of the log if the process has ended."""
        code = exit_code(self.running.pid)
        if code is not None:
            raise ServerFailedError(f"{self.service.name} (exit code {code})", tail(self.log))


class Processes:
    """The processes of one installation, whose folder keeps their logs and remembers them."""

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder = folder
        self._root = root
        self._started: list[Started] = []

    def start(self, services: Sequence[Service]) -> None:
        """Start processes, after ending those that a killed run left behind."""
        self._end_leftovers(services)
        for service in services:
            self._started.append(self._start(service))

    async def ready(self, names: Collection[str] | None = None) -> None:
        """Wait until all processes, or those named, say that they are ready; fail once one has ended."""
        asked = self._asked(names)
        deadline = time.monotonic() + READY_SECONDS
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            for started in asked:
                while (reason := await _unready(session, started.service.health_port)) is not None:
                    self.check(names)
                    if time.monotonic() > deadline:
                        what = f"{started.service.name} ({reason} after {READY_SECONDS:.0f} s)"
                        raise ServerFailedError(what, tail(started.log))
                    await asyncio.sleep(LOOK_SECONDS)

    def check(self, names: Collection[str] | None = None) -> None:
        """Raise ServerFailedError for the first process, or the first of those named, that has ended."""
        for started in self._asked(names):
            started.check()

    async def watch(self) -> None:
        """Return never; raise ServerFailedError once a process has ended."""
        while True:
            self.check()
            await asyncio.sleep(LOOK_SECONDS)

    def stop(self, names: Collection[str] | None = None) -> list[str]:
        """Stop all processes, or those named, at once; return the names of those that had to be killed."""
        asked = self._asked(names)
        killed = stop_all([each.running for each in asked], STOP_SECONDS)
        self._started = [each for each in self._started if each not in asked]
        return [each.service.name for each in asked if each.running in killed]

    def running(self, name: str) -> Running:
        """Return the process of a name; raises KeyError for a name that was not started."""
        return self._named(name).running

    def begins(self, name: str) -> int:
        """Return where in its log the process of a name begins: those before it wrote there as well."""
        return self._named(name).begins

    def kill(self, name: str) -> Service:
        """End one process by SIGKILL, as the system itself may; return what :meth:`start` starts again."""
        started = self._named(name)
        self._started.remove(started)
        started.running.kill()
        return started.service

    def _asked(self, names: Collection[str] | None) -> list[Started]:
        return [each for each in self._started if names is None or each.service.name in names]

    def _named(self, name: str) -> Started:
        return {each.service.name: each for each in self._started}[name]

    def _start(self, service: Service) -> Started:
        log = self._folder / "logs" / f"{service.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = with_home({**service.environment, "HEALTH_PORT": str(service.health_port)})
        command = [*service.prefix, sys.executable, "-m", *service.command]
        begins = log.stat().st_size if log.exists() else 0
        pid = launch(command, log, self._root, environment=environment)
        running = Running.of(pid, service.command[0])
        running.remember(self._state(service))
        return Started(service, running, log, begins)

    def _end_leftovers(self, services: Sequence[Service]) -> None:
        remembered = (Running.read(self._state(service)) for service in services)
        stop_all([each for each in remembered if each is not None], STOP_SECONDS)

    def _state(self, service: Service) -> Path:
        return self._folder / "processes" / f"{service.name}.json"


@asynccontextmanager
async def watched(processes: Processes) -> AsyncIterator[None]:
    """Run the block beside the watch over the processes: when one ends, the block is cancelled."""
    block = asyncio.current_task()
    watch = asyncio.ensure_future(processes.watch())
    watch.add_done_callback(lambda done: None if done.cancelled() or block is None else block.cancel())
    try:
        yield
    except asyncio.CancelledError:
        if block is not None and watch.done() and not watch.cancelled():
            block.uncancel()
            watch.result()
        raise
    finally:
        watch.cancel()


async def _unready(session: aiohttp.ClientSession, port: int) -> str | None:
    try:
        async with session.get(f"http://{LOOPBACK}:{port}/readyz") as answer:
            if answer.status == 200:
                return None
            conditions = (await answer.json())["conditions"]
            return "not ready: " + ", ".join(
                f"{name} {each.get('reason', '')}" for name, each in conditions.items() if not each["holds"]
            )
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError):
        return "no answer"
