# SPDX-License-Identifier: Apache-2.0
"""Who waits for a database that does not come stops when asked, well within the grace of a process."""

import asyncio
import time
from typing import Any

import pytest

from chassis.health import Health
from chassis.lifecycle import GRACE_SECONDS
from chassis.unit.work import UnitOfWork
from tests.integration.chassis.probe.feed import feed, result
from tests.integration.chassis.probe.handler import Tally
from tests.integration.chassis.probe.running import (
    RUNNERS,
    Probe,
    consuming,
    counts,
    eventually,
    histories,
    running,
)


class Unreachable(Tally):
    """Asks a database that is not there."""

    async def fold(self, *_: object) -> None:
        raise ConnectionResetError


class Unclaimed(UnitOfWork):
    """Finds no database to claim its partitions in."""

    async def claim(self, *_: Any) -> Any:
        raise ConnectionResetError


async def _is_missing(health: Health, condition: str) -> bool:
    conditions: Any = health.report()["conditions"]
    return condition in conditions and not conditions[condition]["holds"]


@pytest.mark.parametrize("runner", sorted(RUNNERS))
async def test_with_a_batch_in_hand(probe: Probe, runner: str) -> None:
    await feed(probe.bootstrap, probe.topic, [result(0, "l1")])
    handler = Unreachable(probe.consumer, probe.topic, probe.published)
    async with running(probe, runner, handler, 500) as health:
        await eventually(lambda: _is_missing(health, "database"))
        await asyncio.sleep(1)
        asked = time.monotonic()
    assert time.monotonic() - asked < GRACE_SECONDS
    assert await histories(probe) == {}
    async with consuming(probe, runner):
        await eventually(lambda: histories(probe))
    assert (await counts(probe))["applied"] == 1


async def test_while_partitions_are_being_claimed(probe: Probe) -> None:
    handler = Tally(probe.consumer, probe.topic, probe.published)
    async with running(probe, "aiokafka", handler, 500, Unclaimed) as health:
        await eventually(lambda: _is_missing(health, "assigned"))
        await asyncio.sleep(1)
        asked = time.monotonic()
    assert time.monotonic() - asked < GRACE_SECONDS
