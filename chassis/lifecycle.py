# SPDX-License-Identifier: Apache-2.0
"""The life of a process that stays up: assemble, run named tasks, stop in order within 10 s.

One supervisor runs the tasks. SIGTERM and SIGINT ask them to stop; what is still running after the
grace is cancelled; what even that does not end is ended by force. An error that leaves a task, or
a task that ends unasked, ends the process with exit code 1.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import structlog
import uvloop

from chassis import health, logs, memory, telemetry
from chassis.errors import Bug, Reject
from chassis.health import Health
from chassis.settings import ProcessSettings, ServiceSettings

GRACE_SECONDS = 6.0
CLOSING_SECONDS = 2.0
DEADLINE_SECONDS = 9.0

Task = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
log = structlog.get_logger()


class Process:
    """What an assembly fills: resources to close in reverse order, and the tasks to run."""

    def __init__(self) -> None:
        self.health = Health()
        self.resources = AsyncExitStack()
        self.tasks: dict[str, Task] = {}

    def add(self, name: str, task: Task) -> None:
        """Run a task that returns soon after the event it is given is set, and not before."""
        if name in self.tasks:
            message = f"two tasks of one process are called {name}"
            raise Bug(message)
        self.tasks[name] = task


Assembly = Callable[[Process], Awaitable[None]]


def run(service: str, process: str, settings: ServiceSettings, assemble: Assembly) -> int:
    """Run a process until it is asked to stop; return its exit code."""
    memory.give_back_large_blocks()
    logs.configure(service, process, settings.log_level)
    telemetry.configure(service, process, settings.otel_exporter_otlp_endpoint)
    # As the policy, because Faust makes a loop of its own for its consumer's thread.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    with asyncio.Runner() as runner:
        return runner.run(_live(settings, assemble))


def migrate(settings: ProcessSettings, service: str, folder: Path) -> int:
    """Bring a service's database to the newest schema, naming each file applied; return the exit code."""
    # Imported only here: what stays up needs neither it nor its 30 MB.
    from chassis import migrate as migrations  # noqa: PLC0415

    url = settings.database_url.get_secret_value()
    asyncio.run(migrations.migrate(url, service, folder, print))
    return 0


def refuse(error: Reject) -> int:
    """Say on standard error why the process cannot start; return the exit code of a bad configuration."""
    sys.stderr.write(f"{error}\n")
    return os.EX_CONFIG


async def _live(settings: ServiceSettings, assemble: Assembly) -> int:
    process = Process()
    stop = _stop_on_signals()
    code = 1
    try:
        async with health.serving(process.health, settings.health_port, str(settings.health_host)):
            await assemble(process)
            memory.keep_what_stays_out_of_collections()
            code = await supervise(process.tasks, stop)
            process.health.unmet("running", "stopping")
            await asyncio.wait_for(process.resources.aclose(), CLOSING_SECONDS)
    except Exception:
        log.exception("process failed")
        code = 1
    finally:
        telemetry.shut_down()
    log.info("stopped", code=code)
    return code


def _stop_on_signals() -> asyncio.Event:
    """Return the event that the first SIGTERM or SIGINT sets; from then on the deadline runs."""
    stop = asyncio.Event()

    def asked() -> None:
        if not stop.is_set():
            log.info("stopping")
            deadline = threading.Timer(DEADLINE_SECONDS, os._exit, args=(1,))
            deadline.daemon = True
            deadline.start()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked)
    return stop


async def supervise(tasks: dict[str, Task], stop: asyncio.Event) -> int:
    """Run the tasks until ``stop`` is set or one of them ends; return 0 only if all ended as asked."""
    running = {asyncio.create_task(task(stop)): name for name, task in tasks.items()}
    asked = asyncio.ensure_future(stop.wait())
    await asyncio.wait({*running, asked}, return_when=asyncio.FIRST_COMPLETED)
    unasked = [running[task] for task in running if task.done() and not stop.is_set()]
    stop.set()
    await asked
    _, late = await asyncio.wait(running, timeout=GRACE_SECONDS) if running else (set(), set())
    for task in late:
        log.warning("task cancelled", task=running[task])
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task
    failed = [name for task, name in running.items() if task not in late and _failed(name, task)]
    for name in set(unasked).difference(failed):
        log.error("task ended unasked", task=name)
    return 1 if failed or unasked or late else 0


def _failed(name: str, task: "asyncio.Future[None]") -> bool:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.error("task failed", task=name, exc_info=error)
    return error is not None
