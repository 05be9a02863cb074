# SPDX-License-Identifier: Apache-2.0
"""A real broker and a real database for every test that asks, started once and apart from `make run`.

`make test` runs most tests three at a time (pytest-xdist), since they wait more than they compute: each
worker has a broker and a database of its own.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from deploy.local.stack import BUILD, Endpoints, Stack

# How long an example takes is for a benchmark to say: on a busy machine it would fail what is right.
settings.register_profile("cairn", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cairn")

_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "alone")


@pytest.fixture(scope="session")
def stack() -> Iterator[Endpoints]:
    with Stack(BUILD / "test" / _WORKER) as endpoints:
        yield endpoints


@pytest.fixture(scope="session")
def broker(stack: Endpoints) -> str:
    """Return the bootstrap servers; a test makes topics of its own."""
    return stack.bootstrap


@pytest.fixture(scope="session")
def postgres(stack: Endpoints) -> str:
    """Return the administrator's DSN; a test makes databases of its own (``deploy.local.provision``)."""
    return stack.admin
