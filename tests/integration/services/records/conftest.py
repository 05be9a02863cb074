# SPDX-License-Identifier: Apache-2.0
"""A records database of its own for each module, and what a test needs to fill it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from chassis.database import Pool, open_pool
from chassis.lifecycle import Process
from chassis.rpc.listening import LOOPBACK
from chassis.rpc.server import RpcServer
from deploy.local.provision import Provisioned
from services.records import bootstrap
from tests.certificates import Authority
from tests.integration.databases import Databases
from tests.integration.services.records.asking import asking, settings
from tests.integration.services.records.tls_process import Run, serving_over_tls

if TYPE_CHECKING:
    from cairn.records.v1.record_service_pb2_grpc import RecordServiceAsyncStub


@pytest.fixture(scope="module")
async def records(databases: Databases) -> AsyncIterator[Provisioned]:
    async with databases.made(bootstrap.SERVICE, bootstrap.MIGRATIONS) as made:
        yield made


@pytest.fixture
async def consume(records: Provisioned) -> AsyncIterator[Pool]:
    pool = await open_pool(records.dsns["consume"], 3)
    yield pool
    await pool.close()


@pytest.fixture
async def serve(records: Provisioned) -> AsyncIterator[Pool]:
    pool = await open_pool(records.dsns["serve"], 3)
    yield pool
    await pool.close()


@pytest.fixture
async def schedule(records: Provisioned) -> AsyncIterator[Pool]:
    pool = await open_pool(records.dsns["schedule"], 3)
    yield pool
    await pool.close()


@pytest.fixture
def tenant() -> str:
    """Return a tenant that no other test has."""
    return f"t{uuid4().hex[:10]}"


@pytest.fixture
async def port(records: Provisioned, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    servers: list[RpcServer] = []
    run = RpcServer.run

    async def noting(server: RpcServer, stop: asyncio.Event) -> None:
        servers.append(server)
        await run(server, stop)

    monkeypatch.setattr(RpcServer, "run", noting)
    process, stop = Process(), asyncio.Event()
    await bootstrap.assemble_serve(process, settings(records.dsns["serve"]), LOOPBACK)
    running = [asyncio.create_task(task(stop)) for task in process.tasks.values()]
    async with asyncio.timeout(10):
        # No event tells that every condition of readiness is met.
        while not process.health.ready:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    yield servers[0].port
    stop.set()
    await asyncio.gather(*running)
    await process.resources.aclose()


@pytest.fixture
async def stub(port: int) -> AsyncIterator["RecordServiceAsyncStub"]:
    async with asking(port) as stub:
        yield stub


@pytest.fixture
async def address(
    records: Provisioned, broker: str, ours: Authority, theirs: Authority, tmp_path: Path
) -> AsyncIterator[str]:
    """Return where a server listens over TLS."""
    async with serving_over_tls(records, broker, ours, theirs, tmp_path) as serving:
        yield serving.address


@pytest.fixture
def run(address: str, tenant: str, tmp_path: Path, ours: Authority) -> Run:
    """Return what runs the command as whoever shows a certificate."""
    return Run(address, tenant, tmp_path, ours)
