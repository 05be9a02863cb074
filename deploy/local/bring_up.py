# SPDX-License-Identifier: Apache-2.0
"""Brings an installation up on a broker and a database, and takes its processes down again.

What earlier runs stored stays: databases, topics, secrets and ports are made once.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from chassis.migrate import migrate
from deploy.local.keys import Keys
from deploy.local.layout import SERVICES, Layout, choose_ports
from deploy.local.processes import Processes, Service
from deploy.local.progress import Step, Steps
from deploy.local.provision import Provisioned, provision
from deploy.local.sources import SOURCES
from deploy.local.stack import ROOT, Endpoints
from deploy.local.topics import make_topics


@dataclass(frozen=True, slots=True)
class Installation:
    """All of Cairn, up and ready."""

    layout: Layout
    processes: Processes


async def _nothing(_databases: Mapping[str, Provisioned]) -> None:
    """Leave the databases as they are migrated."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """What a test changes about an installation: each process's command and settings, the databases."""

    service: Callable[[Service], Service] = lambda service: service
    migrated: Callable[[Mapping[str, Provisioned]], Awaitable[None]] = _nothing


AS_IT_IS = Wiring()


@asynccontextmanager
async def installed(  # noqa: PLR0913 - all but the first three may be left out
    endpoints: Endpoints,
    folder: Path,
    steps: Steps,
    *,
    shared: Mapping[str, str] | None = None,
    wished: Mapping[str, int] | None = None,
    wiring: Wiring = AS_IT_IS,
) -> AsyncIterator[Installation]:
    """Bring everything up in a folder and stop the processes when the block is left.

    ``shared`` are settings of every process, ``wished`` the ports of doors where they are free.
    Raises ServerFailedError with the end of a log when a part does not come up.
    """
    databases = await _prepare(endpoints, steps)
    await wiring.migrated(databases)
    doors, health = choose_ports(folder, wished or {})
    layout = Layout(
        bootstrap=endpoints.bootstrap,
        databases=databases,
        doors=doors,
        health=health,
        keys=Keys(folder / "secrets"),
        shared=shared or {},
        over_tls=endpoints.over_tls,
    )
    processes = Processes(folder, ROOT)
    try:
        with steps.step("Start the services"):
            processes.start([wiring.service(service) for service in layout.services()])
            await processes.ready()
        yield Installation(layout, processes)
    finally:
        with steps.step("Stop the services"):
            for name in await asyncio.to_thread(processes.stop):
                steps.console.print(f"[yellow]{name} had to be killed[/yellow]")


async def _prepare(endpoints: Endpoints, steps: Steps) -> dict[str, Provisioned]:
    with steps.step("Provision the databases"):
        databases = {each: await provision(endpoints.admin, each, keys=endpoints.keys) for each in SERVICES}
    with steps.step("Migrate the databases") as step:
        for each in SERVICES:
            await _migrate(databases[each], step)
    with steps.step("Make the topics"):
        await make_topics(endpoints.brokers, SOURCES)
    return databases


async def _migrate(database: Provisioned, step: Step) -> int:
    # In this process: three interpreters that each load what migrations need would take seconds more.
    folder = ROOT / "services" / database.service / "migrations"
    return await migrate(database.dsns["migrate"], database.service, folder, step.say)
