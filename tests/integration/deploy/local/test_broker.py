# SPDX-License-Identifier: Apache-2.0
"""The local broker: started once, used again, and back with its data after a hard kill."""

import asyncio
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local import ports
from deploy.local.broker import Broker
from deploy.local.running import Running
from deploy.local.stack import BUILD

STATE = "running.json"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    broker = Broker(tmp_path_factory.mktemp("a folder with spaces") / "kafka", BUILD / "jars")
    yield broker
    broker.stop()


def pid_of(broker: Broker) -> int:
    running = broker.running()
    assert running is not None
    return running.pid


async def topics(bootstrap: str, *make: str) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        if make:
            await admin.create_topics([NewTopic(name, 1, 1) for name in make])
        while not set(make) <= (found := set(await admin.list_topics())):  # noqa: ASYNC110 - metadata must be asked for
            await asyncio.sleep(0.1)
        return found
    finally:
        await admin.close()


def test_two_starters_at_once_get_the_same_broker(broker: Broker) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: broker.start(), range(2))
    before = pid_of(broker)
    assert first == second == broker.start()
    assert pid_of(broker) == before


async def test_data_and_address_outlive_a_hard_kill(broker: Broker) -> None:
    bootstrap = broker.start()
    assert "kept" in await topics(bootstrap, "kept")
    killed = pid_of(broker)
    os.kill(killed, signal.SIGKILL)
    again = broker.start()
    assert again == bootstrap
    assert pid_of(broker) != killed
    assert "kept" in await topics(again)


def test_a_process_number_that_is_now_someone_elses_is_no_broker(broker: Broker) -> None:
    broker.start()
    pid_of(broker)
    running = Running.read(broker.folder / STATE)
    assert running is not None
    stranger = replace(running, pid=os.getpid())
    stranger.remember(broker.folder / STATE)
    assert broker.running() is None
    running.remember(broker.folder / STATE)
    assert broker.running() == running


def test_stop_ends_the_process_and_frees_the_port(broker: Broker) -> None:
    bootstrap = broker.start()
    pid = pid_of(broker)
    broker.stop()
    assert broker.running() is None
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert ports.is_free(int(bootstrap.rpartition(":")[2]))


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "kafka", BUILD / "jars", node=-1)
    with pytest.raises(RuntimeError, match=r"(?s)Kafka.*node\.id"):
        broker.start()
