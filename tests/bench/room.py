# SPDX-License-Identifier: Apache-2.0
"""Where a stage is measured: a fresh database of its service, and none of the other processes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from cairn.topics.catalogue import DEFAULT_PARTITIONS
from chassis.migrate import migrate
from deploy.local.layout import Part
from deploy.local.processes import Service
from deploy.local.provision import drop_database, provision
from deploy.local.stack import ROOT, Endpoints
from tests.bench.alone import Alone, Done, follow
from tests.bench.asked import FOLDER
from tests.bench.processes import machine
from tests.bench.stages import RELAY, Stage
from tests.e2e.installation import Whole
from tests.e2e.topics import ends

_DONE = """
select coalesce(sum(applied + ignored), 0)::bigint as done,
    coalesce(sum(duplicate + parked + dead_lettered), 0)::bigint as otherwise
from chassis.fence where topic = any ($1::text[])
"""
_READDRESS = "update chassis.outbox set topic = $1"


@dataclass(frozen=True, slots=True)
class Room:
    """An installation whose processes are all stopped, and whose topics are full."""

    endpoints: Endpoints
    up: Whole

    async def stop(self) -> None:
        """Stop whatever runs."""
        await asyncio.to_thread(self.up.installation.processes.stop)

    async def consume(self, stage: Stage, runner: str) -> Alone:
        """Run a consumer on all that its topics hold."""
        await self._fresh(stage)
        wanted = sum([sum((await ends(self.up.bootstrap, topic)).values()) for topic in stage.topics])
        service = self._service(stage.part.name)
        async with self._database(stage.part) as database:

            async def done() -> int:
                self.up.installation.processes.check()
                [(count, otherwise)] = await database.fetch(_DONE, list(stage.topics))
                if otherwise:
                    message = f"{otherwise} records of {stage.name} were neither applied nor ignored"
                    raise AssertionError(message)
                return int(count)

            started = replace(service, environment={**service.environment, "RUNNER": runner})
            return await self._run(started, stage.part, done, wanted)

    async def relay(self) -> Alone:
        """Run the relay of assessment on the rows that a stage has left, into a topic of its own."""
        topic = f"bench.relay.{uuid4()}"
        places = [TopicPartition(topic, number) for number in range(DEFAULT_PARTITIONS)]
        async with self._database(RELAY.part) as database, _made(self.up.bootstrap, topic) as consumer:
            await database.execute(_READDRESS, topic)
            # No outbox has the dead rows that this leaves: units only add to it.
            await database.execute("vacuum (full, analyze) chassis.outbox")
            wanted = await database.fetchval("select count(*) from chassis.outbox")

            async def done() -> int:
                self.up.installation.processes.check()
                return sum((await consumer.end_offsets(places)).values())

            return await self._run(self._service(RELAY.part.name), RELAY.part, done, wanted)

    async def _run(self, service: Service, part: Part, done: Done, wanted: int) -> Alone:
        self.up.installation.processes.start([service])
        try:
            return await follow(machine(FOLDER, [part]), self.endpoints.admin, done, wanted)
        finally:
            await self.stop()

    async def _fresh(self, stage: Stage) -> None:
        service = stage.part.service
        await drop_database(self.endpoints.admin, f"cairn_{service}")
        made = await provision(self.endpoints.admin, service, keys=self.endpoints.keys)
        folder = ROOT / "services" / service / "migrations"
        await migrate(made.dsns["migrate"], service, folder, lambda _file: None)
        if stage.publish is None:
            return
        layout, processes = self.up.installation.layout, self.up.installation.processes
        processes.start([self._service(f"{service}-serve")])
        await processes.ready()
        await stage.publish(layout)
        await self.stop()

    def _service(self, name: str) -> Service:
        return next(each for each in self.up.installation.layout.services() if each.name == name)

    @asynccontextmanager
    async def _database(self, part: Part) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.up.database_of(part.name))
        try:
            yield connection
        finally:
            await connection.close()


@asynccontextmanager
async def _made(bootstrap: str, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    """Make a topic while the block lasts, and give a consumer that can be asked where it ends."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, DEFAULT_PARTITIONS, 1)])
        await consumer.start()
        yield consumer
        await admin.delete_topics([topic])
    finally:
        await consumer.stop()
        await admin.close()
