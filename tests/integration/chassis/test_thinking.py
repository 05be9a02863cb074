# SPDX-License-Identifier: Apache-2.0
"""A handler that thinks for longer than the server leaves a transaction alone."""

from contextlib import suppress

import asyncpg
import pytest

from cairn.ids import TenantId
from chassis import database
from chassis.unit.parking import WAITS
from tests.integration.chassis.probe.feed import feed, result
from tests.integration.chassis.probe.handler import Tally
from tests.integration.chassis.probe.running import (
    RUNNERS,
    Probe,
    counts,
    eventually,
    histories,
    running,
)

_IDLE_SECONDS = 2.0
_TOO_LONG = "thought about for longer than a transaction may be idle"
TENANT = TenantId("probe-a")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "IDLE_SECONDS", _IDLE_SECONDS)


@pytest.fixture
def handler(probe: Probe) -> Tally:
    return Tally(probe.consumer, probe.topic, probe.published)


async def ended(probe: Probe, **expected: int) -> None:
    """Wait until the counts are what is expected; those not named are none."""

    async def as_expected() -> bool:
        return {name: count for name, count in (await counts(probe)).items() if count} == expected

    with suppress(TimeoutError):
        await eventually(as_expected)
    assert {name: count for name, count in (await counts(probe)).items() if count} == expected


@pytest.mark.parametrize("runner", sorted(RUNNERS))
async def test_what_is_too_much_for_one_unit_is_done_in_several(
    probe: Probe, runner: str, handler: Tally
) -> None:
    """The first unit is already too long, and all of them together five times as long as may be."""
    await feed(probe.bootstrap, probe.topic, [result(number, f"l{number % 3}") for number in range(100)])
    handler.seconds = 0.1
    async with running(probe, runner, handler, 500) as health:
        await ended(probe, applied=100)
        assert health.ready
    assert max(handler.sizes) < _IDLE_SECONDS / handler.seconds
    assert await histories(probe) == {
        f"probe-a/l{learner}": "".join(f".e{number}" for number in range(learner, 100, 3))
        for learner in range(3)
    }


@pytest.mark.parametrize("runner", sorted(RUNNERS))
async def test_a_record_that_takes_too_long_alone_is_put_aside(
    probe: Probe, runner: str, handler: Tally, admin: asyncpg.Connection
) -> None:
    events = [result(number, f"l{number % 5}", "long" if number == 12 else "plain") for number in range(25)]
    await feed(probe.bootstrap, probe.topic, events)
    handler.long_seconds = _IDLE_SECONDS + 0.5
    async with running(probe, runner, handler, 500):
        await ended(probe, applied=22, dead_lettered=1, parked=2)
    waiting = await admin.fetch("select learner, reason from chassis.parked order by place")
    assert [tuple(row) for row in waiting] == [("l2", _TOO_LONG), ("l2", WAITS.reason), ("l2", WAITS.reason)]
    found = await histories(probe)
    assert found["probe-a/l2"] == ".e2.e7"
    assert found["probe-a/l3"] == ".e3.e8.e13.e18.e23"
