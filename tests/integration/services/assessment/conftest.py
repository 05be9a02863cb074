# SPDX-License-Identifier: Apache-2.0
"""Assessment on databases of its own, on the shared server, with intake's clock set."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from chassis.database import open_pool
from services.assessment import bootstrap
from tests.integration.databases import Databases
from tests.integration.services.assessment.house import House


@pytest.fixture
async def house(postgres: str, databases: Databases) -> AsyncIterator[House]:
    """Build a house whose database is this test's alone: a consumer's progress stands in it."""
    async with _house(postgres, databases) as house:
        yield house


@pytest.fixture(scope="module")
async def _built(postgres: str, databases: Databases) -> AsyncIterator[House]:
    async with _house(postgres, databases) as house:
        yield house


@pytest.fixture
def shared(_built: House) -> House:
    """Give a tenant of its own a place in a database that other tests use too."""
    return House(_built.admin, _built.database, _built.serve, _built.consume, _built.relay, _built.dsns)


@asynccontextmanager
async def _house(postgres: str, databases: Databases) -> AsyncIterator[House]:
    async with databases.made(bootstrap.SERVICE, bootstrap.MIGRATIONS) as made, AsyncExitStack() as pools:
        serve, consume, relay = [
            await pools.enter_async_context(await open_pool(made.dsns[role], 4))
            for role in ("serve", "consume", "relay")
        ]
        yield House(postgres, made.database, serve, consume, relay, made.dsns)
