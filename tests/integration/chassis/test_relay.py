# SPDX-License-Identifier: Apache-2.0
"""The relay against a real broker: order per key, one holder a slot, and a fenced sleeper."""

import asyncio
import socket
from datetime import timedelta

import pytest

from chassis.database import Pool, open_pool
from chassis.errors import Bug, Conflict
from chassis.health import Health
from chassis.relay.lease import check_lease, give_back, take_lease
from chassis.relay.publisher import abandon, start_producer
from chassis.relay.relay import Relay
from chassis.relay.slot import REQUEST_TIMEOUT, Slot
from tests.integration.chassis.probe.outbox import empty, write
from tests.integration.chassis.probe.running import Probe, eventually, read_all, relaying


async def test_each_key_keeps_its_order_and_what_is_sent_is_deleted(probe: Probe, pool: Pool) -> None:
    async with relaying(probe):
        for start in range(0, 2000, 100):
            await write(pool, probe, range(start, start + 100))
        await eventually(lambda: empty(probe))
    found = await read_all(probe.bootstrap, probe.published, 2000)
    assert sorted(int(value or b"") for _, _, value in found) == list(range(2000))
    for key in {key for key, _, _ in found}:
        numbers = [int(value or b"") for each, _, value in found if each == key]
        assert numbers == sorted(numbers)


async def test_two_relays_share_no_slot(probe: Probe, pool: Pool) -> None:
    async with relaying(probe), relaying(probe):
        await write(pool, probe, range(500))
        await eventually(lambda: empty(probe))
        await asyncio.sleep(0.5)
    assert len(await read_all(probe.bootstrap, probe.published, 500)) == 500


async def test_a_sleeper_is_fenced_by_its_term(probe: Probe) -> None:
    pool = await open_pool(probe.relay, 2)
    async with pool.acquire() as connection:
        sleeper = await take_lease(connection, "job", "sleeper", timedelta(seconds=-1))
        assert sleeper is not None
        other = await take_lease(connection, "job", "other", timedelta(seconds=30))
        assert other is not None
        assert other.term == sleeper.term + 1
        async with connection.transaction():
            with pytest.raises(Conflict):
                await check_lease(connection, sleeper)
            await check_lease(connection, other)
        assert await take_lease(connection, "job", "sleeper", timedelta(seconds=30)) is None
        assert await take_lease(connection, "job", "other", timedelta(seconds=30)) == other
        await give_back(connection, other)
        assert await take_lease(connection, "job", "sleeper", timedelta(seconds=30)) is not None
    await pool.close()


async def test_a_new_relay_goes_on_at_once_after_an_orderly_stop(probe: Probe, pool: Pool) -> None:
    async with relaying(probe):
        await write(pool, probe, range(10))
        await eventually(lambda: empty(probe))
    async with relaying(probe):
        await write(pool, probe, range(10, 20))
        await eventually(lambda: empty(probe), seconds=10)


async def test_a_producer_is_given_up_before_it_has_begun_to_send(broker: str) -> None:
    """Its task ends as cancelled then, which must not cancel who gives it up."""
    await abandon(await start_producer(broker, "probe", 8.0))


async def test_a_slot_that_nobody_cancelled_ends_the_relay(
    probe: Probe, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cancelled(_self: Slot, _stop: asyncio.Event) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(Slot, "run", cancelled)
    relay = Relay(pool, probe.bootstrap, 1, Health())
    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.wait_for(relay.run(asyncio.Event()), 10)
    assert caught.value.subgroup(Bug) is not None


async def test_a_broker_that_says_nothing_is_not_waited_for_without_an_end(
    probe: Probe, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.relay.slot.DELIVERY_TIMEOUT", 0.5)
    await write(pool, probe, range(1))
    relay_pool = await open_pool(probe.relay, 2)
    health, stop = Health(), asyncio.Event()

    async def told() -> bool:
        return "not publishing" in str(health.report())

    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        relay = asyncio.create_task(Relay(relay_pool, address, 1, health).run(stop))
        await eventually(told, REQUEST_TIMEOUT / 2)
        stop.set()
        await relay
    await relay_pool.close()
