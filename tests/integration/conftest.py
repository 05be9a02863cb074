# SPDX-License-Identifier: Apache-2.0
"""What integration tests share: the databases of a worker, and who vouches for servers and operators."""

from collections.abc import AsyncIterator

import pytest

from tests.certificates import Authority
from tests.integration.databases import Databases


@pytest.fixture(scope="session")
async def databases(postgres: str) -> AsyncIterator[Databases]:
    made = Databases(postgres)
    yield made
    await made.drop()


@pytest.fixture(scope="module")
def ours() -> Authority:
    return Authority("servers")


@pytest.fixture(scope="module")
def theirs() -> Authority:
    return Authority("operators")
