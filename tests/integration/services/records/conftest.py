# SPDX-License-Identifier: Apache-2.0
"""A records database of its own for each module, and what a test needs to fill it."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from chassis.database import Pool, open_pool
from chassis.migrate import migrate
from deploy.local.provision import Provisioned, drop_database, provision
from services.records import bootstrap


@pytest.fixture(scope="module")
async def records(postgres: str) -> AsyncIterator[Provisioned]:
    made = await provision(postgres, "records", prefix=f"t{uuid4().hex[:12]}_")
    await migrate(made.dsns["migrate"], bootstrap.SERVICE, bootstrap.MIGRATIONS, lambda _file: None)
    yield made
    await drop_database(postgres, made.database)


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
