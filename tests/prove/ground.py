# SPDX-License-Identifier: Apache-2.0
"""An installation under proof: its processes are wired, and one that ends is started again at once."""

import asyncio
import json
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import stamina
from aiokafka.errors import KafkaError

from cairn.cloudevents import CloudEvent, to_kafka
from deploy.local.bring_up import Wiring
from deploy.local.detached import exit_code
from deploy.local.processes import Processes, Service
from deploy.local.provision import Provisioned
from deploy.local.stack import Endpoints
from tests.e2e.installation import INGEST, Whole, whole
from tests.e2e.topics import Carried, write
from tests.prove.applied import make_log
from tests.prove.defects import IN_DATABASES
from tests.prove.passages import Plan
from tests.prove.points import INTAKE
from tests.prove.wired import MARKS, PLAN, PLANTED, SLOW, STOP

# Small, so that a short story has many units.
BATCH_SIZE = 100
# The shortest that Cairn takes: the partitions of a process that was killed wait for it.
SESSION_SECONDS = 6
REEVALUATIONS_PER_SECOND = 2000
_LOOK_SECONDS = 0.05
# What cannot start, because what it needs is down, is not to take the cores from what can mend that.
_AGAIN_SECONDS = 1.0
_LOT_SECONDS = 0.5
_REQUESTS = "requests"


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


class Keeper:
    """Starts what has ended again, as an orchestrator would, and remembers how it ended."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self.resting: set[str] = set()
        """Processes that are down on purpose."""
        self.ends: dict[str, Counter[int]] = {}
        self._started: dict[str, float] = {}

    async def keep(self, names: Iterable[str]) -> None:
        """Look after the processes until cancelled."""
        watched = list(names)
        while True:
            for name in watched:
                if name not in self.resting:
                    self._look(name)
            await asyncio.sleep(_LOOK_SECONDS)

    def _look(self, name: str) -> None:
        now = time.monotonic()
        code = exit_code(self._processes.running(name).pid)
        if code is not None and now - self._started.get(name, 0.0) >= _AGAIN_SECONDS:
            self.ends.setdefault(name, Counter())[code] += 1
            self._started[name] = now
            self._processes.start([self._processes.kill(name)])


@dataclass(frozen=True, slots=True)
class Ground:
    """An installation that is up and is kept up."""

    up: Whole
    keeper: Keeper
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
    shutil.rmtree(folder / _REQUESTS, ignore_errors=True)
    (folder / _REQUESTS).mkdir()

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
            "KAFKA_SESSION_TIMEOUT_SECONDS": str(SESSION_SECONDS),
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
        keeper = Keeper(up.installation.processes)
        keeping = asyncio.create_task(keeper.keep(services))
        try:
            yield Ground(up, keeper, folder, marks, services)
        finally:
            keeping.cancel()
            with suppress(asyncio.CancelledError):
                await keeping


def stop_request(folder: Path, process: str) -> Path:
    """Return the file by which a process is asked to stop with work in its hands."""
    return folder / _REQUESTS / f"stop-{process}"


def slow_request(folder: Path) -> Path:
    """Return the file by which all consumers and relays are asked to take their time."""
    return folder / _REQUESTS / "slow"


async def _break(dsn: str, defect: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await IN_DATABASES[defect](connection)
    finally:
        await connection.close()


async def feed(ground: Ground, events: Iterable[CloudEvent]) -> None:
    """Publish events on the source's ingest topic, each learner's in their order."""
    await write(ground.up.bootstrap, INGEST, (_keyed(event) for event in events))


@asynccontextmanager
async def flowing(ground: Ground, events: Sequence[CloudEvent], seconds: float) -> AsyncIterator[None]:
    """Feed events evenly for so long beside the block, which is left once all are fed."""
    async with asyncio.TaskGroup() as beside:
        beside.create_task(_trickle(ground, events, seconds))
        yield


async def _trickle(ground: Ground, events: Sequence[CloudEvent], seconds: float) -> None:
    lots = max(1, round(seconds / _LOT_SECONDS))
    for lot in parts(events, lots):
        # What is fed again is the same again: only its first arrival counts, so each learner's order stays.
        async for attempt in stamina.retry_context(on=KafkaError, attempts=None, timeout=60, wait_max=2.0):
            with attempt:
                await feed(ground, lot)
        await asyncio.sleep(_LOT_SECONDS)


def parts(events: Sequence[CloudEvent], count: int) -> Iterator[Sequence[CloudEvent]]:
    """Cut the events into so many parts of nearly equal length."""
    bounds = [len(events) * number // count for number in range(count + 1)]
    for begin, end in pairwise(bounds):
        yield events[begin:end]


def student_of(event: CloudEvent) -> str:
    """Return the platform's own number of the learner of whom an event speaks."""
    return str(json.loads(event.data or b"{}")["learner"]["value"])


def _keyed(event: CloudEvent) -> Carried:
    headers, value = to_kafka(event)
    return Carried(student_of(event).encode(), tuple(headers), value)


def _of(admin: str, database: str) -> str:
    return urlunsplit(urlsplit(admin)._replace(path=f"/{database}"))
