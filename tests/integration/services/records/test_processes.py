# SPDX-License-Identifier: Apache-2.0
"""The real processes of records: from a decision on the broker to the record that a partner reads."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from cairn.events.decision import DecisionKind, DecisionMade
from cairn.ids import topic_key
from cairn.records.v1.record_service_pb2 import GetLearnerRecordRequest, WatchEntriesRequest
from cairn.topics.apply import apply
from deploy.local.provision import Provisioned
from services.records.app.ledger import DECISIONS, ENTRIES
from tests.integration.services.records.asking import SECRET, asking
from tests.integration.services.records.feeding import headers_and_value, life

C, U, H = DecisionKind.CONFERRED, DecisionKind.UNDER_REVIEW, DecisionKind.UPHELD
PROCESSES = ("serve", "consume", "relay", "schedule")


class Running:
    """One process and what its log has said so far."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.ports: dict[str, int] = {}
        self.said: list[str] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for raw in self.process.stderr:
            self.said.append(raw.decode())
            line = json.loads(raw)
            if line["event"] in {"health", "serving"}:
                self.ports[line["event"]] = line["port"]

    async def ready(self) -> None:
        async with asyncio.timeout(40), aiohttp.ClientSession() as client:
            while True:
                if self.process.returncode is not None:
                    raise AssertionError(f"ended with {self.process.returncode}")
                if "health" in self.ports:
                    async with client.get(f"http://127.0.0.1:{self.ports['health']}/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.05)

    async def stop(self) -> int:
        self.process.terminate()
        code = await asyncio.wait_for(self.process.wait(), 10)
        await self._reading
        return code


@asynccontextmanager
async def running(
    records: Provisioned, broker: str, names: tuple[str, ...]
) -> AsyncIterator[Mapping[str, Running]]:
    common = {
        "KAFKA_BOOTSTRAP_SERVERS": broker,
        "KAFKA_SESSION_TIMEOUT_SECONDS": "6",
        "RECORDS_GRPC_PORT": "0",
        "RECORDS_PAGE_TOKEN_SECRET": SECRET,
    }
    started: dict[str, Running] = {}
    try:
        for name in names:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services.records", name),
                env={**common, "DATABASE_URL": records.dsns[name]},
                stdout=DEVNULL,
                stderr=PIPE,
            )
            started[name] = Running(process)
        for each in started.values():
            await each.ready()
        yield started
    finally:
        codes = {name: await each.stop() for name, each in started.items() if each.process.returncode is None}
    assert codes == dict.fromkeys(started, 0)


@pytest.fixture
async def topics(broker: str) -> None:
    await apply(broker, ())


async def publish(broker: str, decisions: list[DecisionMade]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker, enable_idempotence=True)
    await producer.start()
    try:
        for each in decisions:
            headers, value = headers_and_value(each)
            key = topic_key(each.tenant, each.learner)
            await producer.send_and_wait(DECISIONS, value, key, headers=headers)
    finally:
        await producer.stop()


@pytest.mark.usefixtures("topics")
async def test_a_decision_becomes_a_record_that_a_partner_reads_and_watches(
    records: Provisioned, broker: str, tenant: str
) -> None:
    async with (
        running(records, broker, PROCESSES) as started,
        asking(started["serve"].ports["serving"]) as stub,
    ):
        watch = aiter(stub.WatchEntries(WatchEntriesRequest(parent=f"institutions/{tenant}")))
        await publish(broker, [each for number in range(10) for each in life(tenant, f"l{number}", C, U, H)])
        seen: list[str] = []
        async with asyncio.timeout(30):
            while len(seen) < 30:
                seen += [entry.name for entry in (await anext(watch)).entries]
        answer = await stub.GetLearnerRecord(
            GetLearnerRecordRequest(name=f"institutions/{tenant}/learners/l3")
        )

        assert [entry.name for entry in answer.record.entries] == [name for name in seen if "/l3/" in name]
        assert answer.record.entries[0].HasField("record_time")
        assert await published(broker, tenant, 30) == 30


async def published(broker: str, tenant: str, expected: int) -> int:
    consumer = AIOKafkaConsumer(ENTRIES, bootstrap_servers=broker, auto_offset_reset="earliest")
    await consumer.start()
    found = 0
    try:
        async with asyncio.timeout(20):
            while found < expected:
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    found += sum((each.key or b"").startswith(f"{tenant}/".encode()) for each in batch)
    finally:
        await consumer.stop()
    return found


async def test_without_its_settings_a_process_says_what_it_lacks() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.records", "serve"), env={}, stdout=PIPE, stderr=PIPE
    )
    _, said = await process.communicate()

    assert process.returncode == 78
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "RECORDS_PAGE_TOKEN_SECRET"):
        assert f"{name} is not set: it must be" in said.decode()


async def test_in_the_clear_it_listens_on_loopback_only() -> None:
    environment = {
        "DATABASE_URL": "postgresql://role@localhost/name",
        "KAFKA_BOOTSTRAP_SERVERS": "localhost:9092",
        "RECORDS_PAGE_TOKEN_SECRET": SECRET,
        "GRPC_HOST": "0.0.0.0",  # noqa: S104 - what is refused
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.records", "serve"), env=environment, stdout=PIPE, stderr=PIPE
    )
    _, said = await process.communicate()

    assert process.returncode == 78
    assert said.decode() == (
        "GRPC_HOST: must be 127.0.0.1 or ::1 as long as TLS_CERTIFICATE_FILE is not set\n"
    )
