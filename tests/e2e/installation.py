# SPDX-License-Identifier: Apache-2.0
"""A whole installation for one test: every process, the example's documents, and nothing left from before."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from aiokafka.admin import AIOKafkaAdminClient
from rich.console import Console

from cairn.client.policies import open_policies
from cairn.client.results_kafka import open_kafka_results
from cairn.client.rules import open_rules
from cairn.cloudevents import CloudEvent
from cairn.topics.catalogue import all_topics, ingest_topic
from deploy.local.bring_up import AS_IT_IS, Installation, Wiring, installed
from deploy.local.cohort.presentations import EXAMPLE
from deploy.local.cohort.submission import SOURCE, TENANT
from deploy.local.layout import SERVICES, Layout
from deploy.local.progress import Steps
from deploy.local.provision import drop_database
from deploy.local.publish import OPERATOR
from deploy.local.stack import Endpoints
from tests.e2e.quiet import wait_until_quiet
from tests.e2e.state import State, read_state
from tests.e2e.topics import Carried, read, write

INGEST = ingest_topic(SOURCE).name
_AT_ONCE = 5000
_GONE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Whole:
    """An installation that is up, and the administrator's DSN of each service's database."""

    installation: Installation
    bootstrap: str
    databases: Mapping[str, str]

    def database_of(self, process: str) -> str:
        """Return the administrator's DSN of the database that a process works on."""
        return self.databases[process.partition("-")[0]]

    async def feed(self, events: Iterable[CloudEvent]) -> None:
        """Publish native events on the source's ingest topic, in order."""
        left = iter(events)
        async with open_kafka_results(self.bootstrap, SOURCE) as publisher:
            while chunk := list(islice(left, _AT_ONCE)):
                await publisher.publish(chunk)
                self.installation.processes.check()

    async def feed_recorded(self, topic: str, records: Iterable[Carried]) -> None:
        """Write records as another installation recorded them."""
        await write(self.bootstrap, topic, records)

    async def settle(self, within: float = 600) -> State:
        """Wait until nothing moves, and return the final state."""
        await wait_until_quiet(self.bootstrap, self.databases, (INGEST,), within)
        self.installation.processes.check()
        return await read_state(self.databases, TENANT)

    async def recorded(self, topic: str) -> list[Carried]:
        """Return what a topic holds."""
        return await read(self.bootstrap, topic)


@asynccontextmanager
async def whole(
    endpoints: Endpoints,
    folder: Path,
    settings: Mapping[str, str] | None = None,
    wiring: Wiring = AS_IT_IS,
) -> AsyncIterator[Whole]:
    """Bring up an installation that has seen nothing yet.

    ``settings`` are for every process, ``wiring`` is what a test changes about them.
    """
    await _forget(endpoints)
    steps = Steps(Console(stderr=True, quiet=True))
    async with installed(endpoints, folder, steps, shared=settings, wiring=wiring) as installation:
        await publish_policies(installation.layout)
        await publish_rules(installation.layout)
        yield Whole(installation, endpoints.bootstrap, _as_admin(installation, endpoints.admin))


async def _forget(endpoints: Endpoints) -> None:
    for service in SERVICES:
        await drop_database(endpoints.admin, f"cairn_{service}")
    admin = AIOKafkaAdminClient(bootstrap_servers=endpoints.bootstrap)
    await admin.start()
    try:
        ours = {topic.name for topic in all_topics([SOURCE])}
        there = ours & set(await admin.list_topics())
        if there:
            await admin.delete_topics(sorted(there))
        async with asyncio.timeout(_GONE_SECONDS):
            while ours & set(await admin.list_topics()):  # noqa: ASYNC110 -- metadata must be asked for
                await asyncio.sleep(0.1)
    finally:
        await admin.close()


async def publish_policies(layout: Layout) -> None:
    """Publish the policies of the example."""
    async with open_policies(layout.address("assessment-grpc"), TENANT, OPERATOR) as policies:
        await policies.publish(_documents("policies"))


async def publish_rules(layout: Layout) -> None:
    """Publish the rules of the example."""
    async with open_rules(layout.address("recognition-grpc"), TENANT, OPERATOR) as rules:
        await rules.publish(_documents("rules"))


def _documents(folder: str) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted((EXAMPLE / folder).glob("*.yaml"))}


def _as_admin(installation: Installation, admin: str) -> dict[str, str]:
    databases = installation.layout.databases
    return {
        service: urlunsplit(urlsplit(admin)._replace(path=f"/{databases[service].database}"))
        for service in SERVICES
    }
