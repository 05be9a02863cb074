# SPDX-License-Identifier: Apache-2.0
"""An installation under proof: its processes are wired, and one that ends is started again at once."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from deploy.local.bring_up import Wiring
from deploy.local.processes import Service
from deploy.local.provision import Provisioned
from deploy.local.stack import Endpoints
from tests.e2e.installation import Whole, whole
from tests.prove.applied import make_log
from tests.prove.defects import IN_DATABASES
from tests.prove.inflicted import Inflicted
from tests.prove.keeper import Keeper
from tests.prove.passages import Plan
from tests.prove.processes import INTAKE
from tests.prove.requests import begin_requests, slow_request, stop_request
from tests.prove.wired import MARKS, PLAN, PLANTED, SLOW, STOP

# Small, so that a short story has many units.
BATCH_SIZE = 100
REEVALUATIONS_PER_SECOND = 2000
LOGS = "logs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """How an installation is wired: on which runner, with which deaths and which defects."""

    runner: str
    deaths: Mapping[str, Plan] = field(default_factory=dict)
    """By process."""
    defects: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By process."""
    broken: str | None = None
    """The defect of every service's database."""
    batch_size: int = BATCH_SIZE
    reevaluations_per_second: int = REEVALUATIONS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Ground:
    """An installation that is up and is kept up."""

    up: Whole
    keeper: Keeper
    inflicted: Inflicted
    folder: Path
    marks: Path
    services: Mapping[str, Service]
    """Each process as it is wired, by name."""


@asynccontextmanager
async def standing(endpoints: Endpoints, folder: Path, case: Case) -> AsyncIterator[Ground]:
    """Bring an installation up that has seen nothing yet, wired as the case says, and keep it up."""
    marks = folder / "marks"
    marks.parent.mkdir(parents=True, exist_ok=True)
    marks.unlink(missing_ok=True)
    shutil.rmtree(folder / LOGS, ignore_errors=True)
    begin_requests(folder)

    services: dict[str, Service] = {}

    def wire(service: Service) -> Service:
        added = {
            MARKS: str(marks),
            PLAN: json.dumps(
                {point: list(lives) for point, lives in case.deaths.get(service.name, {}).items()}
            ),
            STOP: str(stop_request(folder, service.name)),
            SLOW: str(slow_request(folder)),
            PLANTED: json.dumps(list(case.defects.get(service.name, ()))),
            # Intake reads committed, which Faust cannot.
            "RUNNER": "aiokafka" if service.name == INTAKE else case.runner,
            "BATCH_SIZE": str(case.batch_size),
            "REEVALUATIONS_PER_SECOND": str(case.reevaluations_per_second),
        }
        command = ("tests.prove.wired", *service.command)
        wired = replace(service, command=command, environment={**service.environment, **added})
        services[wired.name] = wired
        return wired

    async def migrated(databases: Mapping[str, Provisioned]) -> None:
        for each in databases.values():
            dsn = _of(endpoints.admin, each.database)
            await make_log(dsn)
            if case.broken is not None:
                await _break(dsn, case.broken)

    async with AsyncExitStack() as stack:
        up = await stack.enter_async_context(
            whole(endpoints, folder, wiring=Wiring(service=wire, migrated=migrated))
        )
        keeper = Keeper(up.installation.processes, folder / LOGS)
        keeper.kept |= services.keys()
        keeping = asyncio.create_task(keeper.keep())
        try:
            yield Ground(up, keeper, Inflicted(), folder, marks, services)
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping


async def _break(dsn: str, defect: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await IN_DATABASES[defect](connection)
    finally:
        await connection.close()


def _of(admin: str, database: str) -> str:
    return urlunsplit(urlsplit(admin)._replace(path=f"/{database}"))
