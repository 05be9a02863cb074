# SPDX-License-Identifier: Apache-2.0
"""Recognition on databases of its own, on the shared server."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import pytest

from cairn.ids import TenantId
from chassis.database import open_pool
from deploy.local.provision import Provisioned
from services.recognition import bootstrap
from tests.integration.databases import Databases
from tests.integration.services.recognition.house import House


@asynccontextmanager
async def _house(made: Provisioned, tenant: str) -> AsyncIterator[House]:
    async with AsyncExitStack() as open_pools:
        serve, consume, relay, schedule = [
            await open_pools.enter_async_context(await open_pool(made.dsns[role], 3))
            for role in ("serve", "consume", "relay", "schedule")
        ]
        yield House(serve, consume, relay, schedule, TenantId(tenant))


@pytest.fixture(scope="module")
async def recognition(databases: Databases) -> AsyncIterator[Provisioned]:
    async with databases.made(bootstrap.SERVICE, bootstrap.MIGRATIONS) as made:
        yield made


@pytest.fixture
async def house(recognition: Provisioned) -> AsyncIterator[House]:
    """Give a tenant of its own a place in a database that other tests use too."""
    async with _house(recognition, f"t{uuid4().hex[:10]}") as house:
        yield house


@pytest.fixture
async def alike(databases: Databases) -> AsyncIterator[tuple[House, House, House]]:
    """Build three services that know nothing of each other, for the same tenant."""
    async with (
        databases.made(bootstrap.SERVICE, bootstrap.MIGRATIONS) as first,
        databases.made(bootstrap.SERVICE, bootstrap.MIGRATIONS) as second,
        databases.made(bootstrap.SERVICE, bootstrap.MIGRATIONS) as third,
        _house(first, "open") as one,
        _house(second, "open") as two,
        _house(third, "open") as three,
    ):
        yield one, two, three
