# SPDX-License-Identifier: Apache-2.0
"""The Faust runner: for stages in which thinking dominates.

``noack_take`` yields events and acknowledges nothing; each is acknowledged after the database's
commit. ``take`` would acknowledge a batch even when it failed, and ``concurrency`` above one may
commit past an event in flight (faust-streaming #606). Faust reads uncommitted (hard-coded in
0.15.3), so it runs on internal topics only. No truth lives in its tables and no timer is used.
"""

import asyncio
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import faust
import structlog

from chassis.errors import Conflict
from chassis.health import Health
from chassis.streams.aiokafka_runner import ConsumerSettings
from chassis.streams.batch import Batches
from chassis.streams.claim_watch import ClaimWatch
from chassis.streams.faust_group import check_committed, set_stopped_group
from chassis.streams.faust_login import credentials
from chassis.streams.faust_transport import Transport
from chassis.streams.header_names import read_any_header_name
from chassis.streams.message import Partition, Record
from chassis.streams.pace import Pace
from chassis.streams.unbroken import Unbroken, in_order
from chassis.unit.work import UnitOfWork
from chassis.waiting import Stopped

# A tick and not a timeout after the first record: rows wait for it at low load (pipeline.md 6.9).
_WITHIN_SECONDS = 0.01
_CLOSE_SECONDS = 5.0

log = structlog.get_logger()


class FaustRunner:
    """Feeds one consumer's batches to its unit of work, from a Faust agent."""

    def __init__(self, settings: ConsumerSettings, work: UnitOfWork, health: Health) -> None:
        """Begin without an assignment; ``health`` learns of assignment and loss."""
        read_any_header_name()
        self._settings = settings
        self._work = work
        self._health = health
        self._failed: asyncio.Future[None] | None = None
        self._stop = asyncio.Event()
        self._unbroken = Unbroken()
        # What was in hand when its partition was revoked is folded, and this process then stands there: what
        # comes to it with the next assignment may lie further on, and `Unbroken` has forgotten.
        work.ownership.holes = False
        self._watch = ClaimWatch(settings.bootstrap, work, settings.topics)
        self._health.expect("assigned")

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until asked to stop; an error in a batch is raised here and acknowledges nothing."""
        await set_stopped_group(self._settings, self._work)
        self._failed = asyncio.get_running_loop().create_future()
        self._stop = stop
        with tempfile.TemporaryDirectory(prefix="cairn-faust-") as folder:
            app = self._app(Path(folder))
            app.finalize()
            await app.start()
            try:
                watching = asyncio.create_task(self._watch.run(stop, self._check_progress))
                await asyncio.wait((watching, self._failed), return_when=asyncio.FIRST_COMPLETED)
                watching.cancel()
                if watching.done():
                    watching.result()
            finally:
                await asyncio.wait_for(app.stop(), _CLOSE_SECONDS)
        if self._failed.done():
            self._failed.result()

    def _app(self, folder: Path) -> faust.App:
        settings = self._settings
        app = faust.App(
            settings.group,
            broker=[f"kafka://{server}" for server in str(settings.bootstrap).split(",")],
            broker_credentials=credentials(settings.bootstrap),
            datadir=folder,
            store="memory://",
            autodiscover=False,
            web_enabled=False,
            processing_guarantee="at_least_once",
            consumer_auto_offset_reset="earliest",
            topic_disable_leader=True,
            topic_allow_declare=False,
            stream_wait_empty=False,
            stream_buffer_maxsize=2 * settings.batch_size,
            broker_commit_interval=1.0,
            broker_session_timeout=settings.session_timeout_ms / 1000,
            broker_heartbeat_interval=settings.heartbeat_ms / 1000,
            broker_max_poll_interval=24 * 3600.0,
            loghandlers=[],
        )
        app.transport = Transport(app.conf.broker_consumer, app)
        topic = app.topic(
            *settings.topics, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )
        app.agent(topic, name=settings.group, concurrency=1)(self._consume)
        app.on_partitions_revoked.connect(cast("Any", self._revoked), weak=False)
        app.on_partitions_assigned.connect(cast("Any", self._assigned), weak=False)
        return app

    async def _consume(self, stream: Any) -> None:
        pace = Pace()
        async for events in stream.noack_take(self._settings.batch_size, within=_WITHIN_SECONDS):
            batches = Batches(self._work, self._health, partial(_acknowledge, events), self._stop, pace)
            records = in_order([_record(event.message) for event in events])
            try:
                self._unbroken.check(records)
                await batches.process(records)
                self._check_owned()
            except Stopped:
                await _stay()
            except Exception as error:  # noqa: BLE001 - nothing may leave an agent; run() raises it
                await self._fail(error)

    async def _check_progress(self) -> None:
        self._check_owned()
        await check_committed(self._settings, self._work)

    def _check_owned(self) -> None:
        # Faust cannot be told to seek; a new process begins at the stored progress.
        if self._work.ownership.disowned:
            raise Conflict("another owner has moved a partition of this consumer")

    async def _fail(self, error: Exception) -> None:
        """End the run with an error."""
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)
        await _stay()

    async def _revoked(self, _app: object, revoked: Iterable[Any], **_: object) -> None:
        self._health.unmet("assigned", "rebalancing")
        partitions = [Partition(at.topic, at.partition) for at in revoked]
        self._unbroken.forget(partitions)
        self._work.ownership.release(partitions)

    async def _assigned(self, _app: object, _assigned: Iterable[Any], **_: object) -> None:
        self._health.met("assigned")


async def _stay() -> None:
    """Keep the agent where it is until it is ended: were it to go on, its batch would count as done."""
    await asyncio.get_running_loop().create_future()


async def _acknowledge(events: Sequence[Any], offsets: Mapping[Partition, int]) -> None:
    for event in events:
        message = event.message
        if message.offset < offsets.get(Partition(message.topic, message.partition), 0):
            event.ack()


def _record(message: Any) -> Record:
    headers = message.headers.items() if hasattr(message.headers, "items") else message.headers or ()
    return Record(
        Partition(message.topic, message.partition),
        message.offset,
        message.key,
        message.value,
        tuple(headers),
        int(message.timestamp * 1000),
    )
