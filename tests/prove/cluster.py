# SPDX-License-Identifier: Apache-2.0
"""Three real brokers that hold every record three times, any one of which may be missing.

All are broker and controller. Two of them are enough for everything; with one alone nothing is
written and no leader is chosen. A node that was killed comes back on the same ports with its data.
"""

import json
import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local import ports
from deploy.local.broker import Broker, Quorum, new_cluster_id
from deploy.local.running import stop_all, write_whole

NODES = (1, 2, 3)
# In mebibytes; each takes about as much again beside its heap.
HEAP = 256
MEMORY = len(NODES) * 2 * HEAP * 2**20
# The last nodes to leave find no quorum to hand their partitions to, and would wait for one for minutes.
STOP_SECONDS = 3.0
# Below those that the system gives to clients, one of which could take the port of a node that is down.
STEADY_PORTS = range(20_000, 32_000)


def possible() -> str | None:
    """Return why this machine cannot run the brokers, or nothing."""
    available = psutil.virtual_memory().available
    if available < MEMORY:
        return f"three brokers need {MEMORY >> 20} MiB of memory, and {available >> 20} MiB are available"
    return None


class Cluster:
    """Three brokers in a folder, stopped when the block is left; ``jars`` is where all brokers' jars are.

    What starts a node waits until it answers. It does so only among two, so that those of a cluster
    that is down are started by :meth:`start`.
    """

    nodes = NODES

    def __init__(self, folder: Path, jars: Path) -> None:
        self._quorum = _quorum(folder / "cluster.json")
        self._brokers = {
            node: Broker(folder / str(node), jars, node, self._quorum, heap=HEAP) for node in NODES
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> str:
        """Return the bootstrap servers once every node answers, starting those that do not run."""
        with ThreadPoolExecutor(len(NODES)) as pool:
            return ",".join(pool.map(Broker.start, self._brokers.values()))

    def stop(self) -> None:
        """Stop every node that runs; their data stay."""
        stop_all([running for each in self._brokers.values() if (running := each.running())], STOP_SECONDS)

    def kill(self, node: int) -> None:
        """End a node by SIGKILL and wait until it is gone; others lead its partitions some 10 s later."""
        if (running := self._brokers[node].running()) is not None:
            running.kill()

    def stop_node(self, node: int) -> None:
        """Let a node hand its partitions over and end."""
        self._brokers[node].stop()

    def start_node(self, node: int) -> None:
        """Start a node again and wait until it takes part; it may still have to catch up."""
        self._brokers[node].start()


async def behind(bootstrap: str) -> set[int]:
    """Return the nodes that are not in sync in some partition of some topic, internal ones included."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        topics: list[dict[str, Any]] = await admin.describe_topics()
    finally:
        await admin.close()
    partitions = [each for topic in topics for each in topic["partitions"]]
    return {node for each in partitions for node in set(each["replicas"]) - set(each["isr"])}


def _quorum(path: Path) -> Quorum:
    """Return what the nodes agree on, the same every time: their data remember it."""
    if not path.exists():
        write_whole(path, json.dumps({"id": new_cluster_id(), "ports": _steady_ports()}))
    known = json.loads(path.read_text(encoding="utf-8"))
    return Quorum(id=known["id"], ports={int(node): each for node, each in known["ports"].items()})


def _steady_ports() -> Mapping[int, Mapping[str, int]]:
    free = (port for port in random.sample(STEADY_PORTS, len(STEADY_PORTS)) if ports.is_free(port))
    return {node: {"broker": next(free), "controller": next(free)} for node in NODES}
