# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a database is waited out and told by its name."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import asyncpg
import pytest

from chassis.health import Health
from chassis.outage import outage
from chassis.streams.batch import Batches
from chassis.streams.message import Partition, Record
from chassis.streams.pace import Pace
from chassis.unit.done import Done
from chassis.unit.work import UnitOfWork

AT = Partition("t", 0)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (asyncpg.DiskFullError("could not extend file of l1"), "the database's disk is full"),
        (asyncpg.TooManyConnectionsError(), "takes no more connections"),
        (asyncpg.CannotConnectNowError(), "is starting"),
        (asyncpg.InvalidCatalogNameError(), "no such database"),
        (asyncpg.PostgresIOError("l1"), "SQLSTATE 58030"),
        (asyncpg.ConnectionDoesNotExistError(), "is not reachable"),
        (asyncpg.InterfaceError("closed"), "is not reachable"),
        (ConnectionRefusedError(), "is not reachable"),
        (TimeoutError(), "in time"),
    ],
)
async def test_it_is_waited_out_and_readiness_says_which_it_is(error: Exception, words: str) -> None:
    health = Health()
    seen: list[str] = []
    work = Failing(error, lambda: seen.append(str(health.report())))
    batches = Batches(work, health, _nobody, asyncio.Event(), Pace())
    assert await batches.process([Record(AT, 0, b"key", b"value", (), 0)]) == {AT: 1}
    assert words in seen[-1]
    assert "l1" not in seen[-1]
    assert health.ready
    assert words in outage(error)


class Failing(UnitOfWork):
    """A unit of work that fails twice and then succeeds; before each try somebody looks."""

    consumer = "tally"

    def __init__(self, error: Exception, look: Callable[[], object]) -> None:
        self._left = [error, error]
        self._look = look

    async def run(self, records: Sequence[Record]) -> Done:
        self._look()
        if self._left:
            raise self._left.pop()
        return Done({records[-1].at: records[-1].offset + 1})


async def _nobody(_offsets: Mapping[Partition, int]) -> None:
    """Acknowledge to nobody: there is no broker here."""
