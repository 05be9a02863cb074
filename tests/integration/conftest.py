# SPDX-License-Identifier: Apache-2.0
"""The databases of all integration tests of a worker."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.databases import Databases


@pytest.fixture(scope="session")
async def databases(postgres: str) -> AsyncIterator[Databases]:
    made = Databases(postgres)
    yield made
    await made.drop()
