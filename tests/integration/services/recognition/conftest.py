# SPDX-License-Identifier: Apache-2.0
"""Recognition on databases of its own, on the shared server."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import pytest

from cairn.ids import TenantId
from chassis.database import open_pool
from chassis.migrate import migrate
from deploy.local.provision import Provisioned, drop_database, provision
from services.recognition import bootstrap
from tests.integration.services.recognition.house import House


@asynccontextmanager
async def _database(postgres: str) -> AsyncIterator[Provisioned]:
    made = await provision(postgres, "recognition", prefix=f"t{uuid4().hex[:12]}_")
    await migrate(made.dsns["migrate"], bootstrap.SERVICE, bootstrap.MIGRATIONS, lambda _file: None)
    try:
        yield made
    finally:
        await drop_database(postgres, made.database)


@asynccontextmanager
async def _house(made: Provisioned, tenant: str) -> AsyncIterator[House]:
    async with AsyncExitStack() as open_pools:
        serve, consume, relay, schedule = [
            await open_pools.enter_async_context(await open_pool(made.dsns[role], 3))
            for role in ("serve", "consume", "relay", "schedule")
        ]
        yield House(serve, consume, relay, schedule, TenantId(tenant))


@pytest.fixture(scope="module")
async def recognition(postgres: str) -> AsyncIterator[Provisioned]:
    async with _database(postgres) as made:
        yield made


@pytest.fixture
async def house(recognition: Provisioned) -> AsyncIterator[House]:
    """Give a tenant of its own a place in a database that other tests use too."""
    async with _house(recognition, f"t{uuid4().hex[:10]}") as house:
        yield house


@pytest.fixture
async def alike(postgres: str) -> AsyncIterator[tuple[House, House, House]]:
    """Build three services that know nothing of each other, for the same tenant."""
    async with (
        _database(postgres) as first,
        _database(postgres) as second,
        _database(postgres) as third,
        _house(first, "open") as one,
        _house(second, "open") as two,
        _house(third, "open") as three,
    ):
        yield one, two, three
