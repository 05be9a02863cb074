# SPDX-License-Identifier: Apache-2.0
"""What the tests of recognition share: a tenant with rules, competency events, and what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

from cairn.cloudevents import from_kafka, to_kafka
from cairn.events.attainment import AttainmentChanged, AttainmentStatus, PolicyReference
from cairn.events.catalogue import parse, source_of, to_cloudevent
from cairn.events.decision import DecisionMade
from cairn.events.reevaluation import EpochRaised
from cairn.ids import LearnerId, TenantId, derived_id, topic_key
from chassis.database import Pool, see_tenants, transaction
from chassis.documents import Document
from chassis.relay.lease import take_lease
from chassis.schedule.scans import Scans, ScanSettings
from chassis.streams.message import Partition, Record
from chassis.unit.outbox import Partitions, read_headers
from chassis.unit.work import UnitOfWork
from services.recognition.adapters.affected import AFFECTED
from services.recognition.adapters.postgres_learners import PostgresLearners
from services.recognition.adapters.postgres_rules import PostgresRules
from services.recognition.app.attainments import DECISIONS, REEVALUATIONS, FollowAttainments
from services.recognition.app.publish_rules import Publication, Request, publish
from services.recognition.app.rule_documents import read_documents
from services.recognition.domain.plain import PlainAllocator
from tests.integration.services.unreadable import discard_first
from tests.whole_batch import run_whole

PARTITIONS = Partitions(6, {})
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEMONSTRATED = AttainmentStatus.DEMONSTRATED
LOWERED = AttainmentStatus.ATTEMPTED_NOT_DEMONSTRATED
ALICE = LearnerId("alice")


def competency(name: str) -> str:
    return f"https://example.org/competencies/{name}"


def module(name: str) -> str:
    return f"""
rule: {name}
version: 1
credential:
  {{id: {name}, title: Module, kind: micro_credential, credits: [{{amount: 60, system: cats, level: "4"}}]}}
requirement: {{id: passed, competency: "{competency(name)}"}}
examples:
  - {{given: {{competencies: [{{competency: "{competency(name)}"}}]}}, expect: met}}
"""


CERTIFICATE = """
rule: certificate
version: 1
credential: {id: certificate, title: Certificate, kind: certificate, conferral: automatic}
requirement: {id: sum, credits: {amount: 120, system: cats, from: [m1, m2, m3]}}
examples:
  - {given: {credentials: [m1, m2]}, expect: met}
"""
CERTIFICATE = CERTIFICATE.replace("[m1, m2]}", "[{credential: m1}, {credential: m2}]}")
DIPLOMA = """
rule: diploma
version: 1
credential: {id: diploma, title: Diploma, kind: diploma, conferral: automatic}
requirement:
  id: both
  all:
    - {id: certificate, credential: certificate}
    - {id: rest, credits: {amount: 60, system: cats, from: [m1, m2, m3]}}
"""
STACK = (module("m1"), module("m2"), module("m3"), CERTIFICATE, DIPLOMA)


@dataclass
class House:
    """One service with a tenant of its own; ``records`` numbers what is consumed."""

    serve: Pool
    consume: Pool
    relay: Pool
    schedule: Pool
    tenant: TenantId
    topic: str = field(default_factory=lambda: f"competency-{uuid4().hex[:10]}")
    offsets: dict[int, int] = field(default_factory=dict)

    async def publish(self, *texts: str, request_id: str = "") -> Publication:
        documents = [Document(f"{number}.yaml", text) for number, text in enumerate(texts)]
        request = Request(self.tenant, documents, read_documents(documents), request_id)
        async with self.serve.acquire() as connection, connection.transaction():
            await see_tenants(connection, [self.tenant])
            return await publish(connection, PostgresRules(), PlainAllocator(), request)

    def handler(self) -> FollowAttainments:
        handler = FollowAttainments(PostgresLearners(), PostgresRules(), PlainAllocator(), {})
        handler.topics = (self.topic,)
        handler.consumer = self.topic
        return handler

    async def work(self) -> UnitOfWork:
        work = UnitOfWork(self.consume, self.handler(), PARTITIONS)
        await work.claim({Partition(self.topic, 0): 0})
        return work

    def record(self, event: AttainmentChanged | EpochRaised) -> Record:
        offset = self.offsets[0] = self.offsets.get(0, -1) + 1
        if isinstance(event, EpochRaised):
            event_id, service = event.reevaluation_id, "recognition"
        else:
            event_id, service = event.event_id, "assessment"
        headers, value = to_kafka(
            to_cloudevent(
                event,
                id=event_id,
                source=source_of(service, event.tenant),
                tenant=event.tenant,
                learner=event.learner,
                as_of=event.as_of,
            )
        )
        return Record(
            Partition(self.topic, 0), offset, topic_key(event.tenant, event.learner), value, tuple(headers), 0
        )

    def changed(
        self, name: str, status: AttainmentStatus = DEMONSTRATED, revision: int = 1, learner: str = ALICE
    ) -> AttainmentChanged:
        who = LearnerId(learner)
        subject = f"attainment:{competency(name)}"
        return AttainmentChanged(
            tenant=self.tenant,
            learner=who,
            event_id=derived_id(self.tenant, who, subject, revision, [status]),
            competency=competency(name),
            status=status,
            achieved_on=date(2026, 2, revision) if status is DEMONSTRATED else None,
            policy=PolicyReference(policy="p", version=1, hash="0" * 64),
            result_ids=(),
            revision=revision,
            as_of=NOW,
        )

    async def feed(self, *events: AttainmentChanged | EpochRaised, size: int = 500) -> list[DecisionMade]:
        """Consume events in units of a size; return every decision published so far."""
        return await self.take(*(self.record(event) for event in events), size=size)

    async def take(self, *records: Record, size: int = 500) -> list[DecisionMade]:
        """Consume records in units of a size; return every decision published so far."""
        work = await self.work()
        for start in range(0, len(records), size):
            await run_whole(work, records[start : start + size])
        return await self.decisions()

    async def scan(self, chunk: int = 7, turns: int = 50) -> int:
        """Scan so many chunks and consume what that tells; return how many learners were told of."""
        async with self.schedule.acquire() as connection:
            lease = await take_lease(connection, uuid4().hex, "one", timedelta(minutes=1))
        assert lease is not None
        scans = Scans(self.schedule, PARTITIONS, ScanSettings("recognition", AFFECTED, 1000, chunk))
        for _ in range(turns):
            await scans.turn(lease)
        rows = await self.relay.fetch(
            "delete from chassis.outbox where topic = $1 and tenant = $2 returning id, key, headers, value",
            REEVALUATIONS,
            self.tenant,
        )
        work = await self.work()
        for _, key, headers, value in sorted(tuple(row) for row in rows):
            offset = self.offsets[0] = self.offsets.get(0, -1) + 1
            record = Record(Partition(self.topic, 0), offset, key, value, tuple(read_headers(headers)), 0)
            await work.run([record])
        return len(rows)

    async def published(self) -> list[tuple[bytes | None, list[tuple[str, bytes]], bytes | None]]:
        rows = await self.relay.fetch(
            "select key, headers, value from chassis.outbox where topic = $1 and tenant = $2 order by id",
            DECISIONS,
            self.tenant,
        )
        return [(key, read_headers(headers), value) for key, headers, value in rows]

    async def decisions(self) -> list[DecisionMade]:
        found = []
        for _, headers, value in await self.published():
            envelope = from_kafka(headers, value)
            event = parse(envelope.type, envelope.data)
            assert isinstance(event, DecisionMade)
            found.append(event)
        return found

    async def discard(self, learner: LearnerId = ALICE) -> None:
        """Ask for the discard of a learner's first waiting record."""
        async with transaction(self.consume, [self.tenant]) as connection:
            await discard_first(connection, self.topic, (self.tenant, learner))

    async def stored(self, query: str) -> Sequence[Any]:
        """Ask the database as the consumer sees this tenant."""
        async with self.consume.acquire() as connection, connection.transaction():
            await see_tenants(connection, [self.tenant])
            return [tuple(row) for row in await connection.fetch(query)]


def said(decisions: Sequence[DecisionMade]) -> list[tuple[str, str]]:
    return [(one.credential, one.kind.value) for one in decisions]
