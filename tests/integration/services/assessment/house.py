# SPDX-License-Identifier: Apache-2.0
"""What the tests of assessment share: a wired house, native events, and a look behind its walls."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx2

from cairn.ids import TenantId
from chassis.database import Pool, see_tenants
from chassis.documents import Document
from chassis.operations.examining import Examiner
from chassis.streams.message import Partition, Record
from chassis.unit.outbox import Partitions, read_headers
from chassis.unit.work import UnitOfWork
from services.assessment import bootstrap
from services.assessment.adapters.door import Door
from services.assessment.adapters.http_door import http_application
from services.assessment.adapters.ingest import IngestDoor
from services.assessment.adapters.intake_work import IntakeWork
from services.assessment.adapters.letter_replays import LetterReplays
from services.assessment.adapters.postgres_intake import PostgresPayloads, PostgresStatements
from services.assessment.adapters.postgres_policies import PostgresPolicies
from services.assessment.adapters.postgres_results import PostgresFacts
from services.assessment.app.credentials import Credentials
from services.assessment.app.intake import Identifier, Intake
from services.assessment.app.payloads import Payloads
from services.assessment.app.publish_policies import Publication, publish
from services.assessment.app.results import Results
from services.assessment.app.sealing import MasterKey
from services.assessment.app.sources import Source

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RECORDED = "org.cairn.ingest.result.recorded.v1"
RETRACTED = "org.cairn.ingest.result.retracted.v1"
BATCH = "application/cloudevents-batch+json"
STRUCTURED = "application/cloudevents+json"
MASTER, IDENTITY = b"m" * 32, b"i" * 32
PARTITIONS = Partitions(6, {})

POLICY = """
policy: algebra
competency: https://example.org/competency/algebra
title: Algebra
version: 1
method: weighted_mean
threshold: "0.40"
activities:
  - {activity: "https://example.org/activity/1", weight: "1"}
  - {activity: "https://example.org/activity/2", weight: "3"}
"""


@dataclass
class House:
    """One service with a tenant and a source of its own."""

    admin: str
    database: str
    serve: Pool
    consume: Pool
    relay: Pool
    dsns: Mapping[str, str]
    source: Source = field(default_factory=lambda: _source(uuid4().hex[:10]))
    now: datetime = NOW
    zones: dict[TenantId, tzinfo] = field(default_factory=dict)

    @property
    def tenant(self) -> TenantId:
        return self.source.tenant

    def intake(self) -> Intake:
        payloads = Payloads(PostgresPayloads(), MasterKey(MASTER))
        return Intake(PostgresStatements(), payloads, Identifier(IDENTITY), lambda: self.now)

    def client(
        self, backlog: int = 100_000, credentials: Callable[[], Credentials | None] | None = None
    ) -> httpx2.AsyncClient:
        door = Door(self.serve, self.intake(), PARTITIONS, backlog)
        application = http_application(door, {self.source.name: self.source}, credentials)
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(application), base_url="http://door")

    async def post(self, *events: dict[str, Any]) -> dict[str, Any]:
        """Send a batch and return the verdicts."""
        async with self.client() as client:
            answer = await client.post(
                self.path, content=json.dumps(events).encode(), headers={"content-type": BATCH}
            )
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    @property
    def path(self) -> str:
        return f"/v1/sources/{self.source.name}/events"

    def intake_work(self) -> IntakeWork:
        return IntakeWork(self.consume, IngestDoor(self.intake(), [self.source]), PARTITIONS)

    def letter_replays(self) -> LetterReplays:
        return LetterReplays(self.consume, self.intake_work())

    def results_work(self) -> UnitOfWork:
        return UnitOfWork(self.consume, Results(PostgresFacts(), PostgresPolicies(), self.zones), PARTITIONS)

    async def publish(self, *documents: str, request_id: str = "") -> Publication:
        texts = [Document(f"{number}.yaml", text) for number, text in enumerate(documents)]
        async with self.serve.acquire() as connection, connection.transaction():
            await see_tenants(connection, [self.tenant])
            return await publish(connection, PostgresPolicies(), self.tenant, texts, request_id)

    async def outbox(self, topic: str) -> list[Record]:
        """Return what waits to be published on a topic as the records that the relay would make."""
        rows = await self.relay.fetch(
            "select partition, key, headers, value from chassis.outbox"
            " where topic = $1 and tenant = $2 order by id",
            topic,
            self.tenant,
        )
        offsets: dict[int, int] = {}
        records = []
        for number, key, headers, value in rows:
            offset = offsets[number] = offsets.get(number, -1) + 1
            records.append(
                Record(Partition(topic, number), offset, key, value, tuple(read_headers(headers)), 0)
            )
        return records

    async def look(self, query: str, *arguments: Any) -> list[Any]:
        """Ask the database as its administrator, who sees all rows."""
        connection = await asyncpg.connect(
            urlunsplit(urlsplit(self.admin)._replace(path=f"/{self.database}"))
        )
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    async def everything(self) -> str:
        """Return every row of every table as text."""
        names = await self.look(
            "select format('%I.%I', schemaname, tablename) from pg_tables"
            " where schemaname in ('assessment', 'chassis')"
        )
        texts = []
        for (name,) in names:
            rows = await self.look(f"select t::text from {name} as t")  # noqa: S608 - names from the catalogue
            texts += [row[0] for row in rows]
        return "\n".join(texts)


def _source(name: str) -> Source:
    return Source(name=f"lms-{name}", tenant=TenantId(f"tenant-{name}"))


def native(number: object = 1, **changed: Any) -> dict[str, Any]:
    """Return the CloudEvent of a native result; ``data`` is changed field by field."""
    data = {
        "learner": {"issuer": "https://lms.example", "kind": "email", "value": "ada@example.org"},
        "activity": "https://example.org/activity/1",
        "score": {"raw": "50", "min": "0", "max": "100"},
        "occurred_at": "2026-02-01T10:00:00Z",
    }
    return _event(number, RECORDED, {**data, **changed})


def retraction(number: object, retracts: object, **changed: Any) -> dict[str, Any]:
    """Return the CloudEvent of a native retraction."""
    data = {
        "learner": native()["data"]["learner"],
        "retracts": f"e{retracts}",
        "occurred_at": "2026-02-02T10:00:00Z",
    }
    return _event(number, RETRACTED, {**data, **changed})


def _event(number: object, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    attributes = {"specversion": "1.0", "id": f"e{number}", "source": "https://lms.example", "type": kind}
    return {**attributes, "data": data}


def who(name: str) -> dict[str, str]:
    """Return the identifier of another person."""
    return {"issuer": "https://lms.example", "kind": "email", "value": f"{name}@example.org"}


def cut(records: Sequence[Record], size: int) -> list[Sequence[Record]]:
    """Cut records into batches."""
    return [records[start : start + size] for start in range(0, len(records), size)]


def examiner_of(house: House) -> Examiner:
    """Return what looks at what assessment needs."""
    return Examiner(house.serve, bootstrap.SERVICE, bootstrap.MIGRATIONS, None)
