# SPDX-License-Identifier: Apache-2.0
"""Records for the probe: canonical results of made-up learners, as a relay would publish them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaProducer

from cairn.cloudevents import to_kafka
from cairn.events.catalogue import source_of, to_cloudevent
from cairn.events.result import ResultRecorded
from cairn.ids import LearnerId, TenantId, topic_key
from chassis.database import Connection
from chassis.streams.message import Partition, Record
from chassis.unit.closing import publish_unit
from chassis.unit.outbox import Outgoing, Partitions
from chassis.unit.unit import Unit

EPOCH = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=5)


def result(
    number: int,
    learner: str,
    activity: str = "plain",
    *,
    tenant: str = "probe-a",
    as_of: datetime | None = None,
) -> ResultRecorded:
    """Return a result that the probe's handler treats as its activity's last part says."""
    at = as_of or EPOCH + timedelta(minutes=number)
    return ResultRecorded(
        tenant=TenantId(tenant),
        learner=LearnerId(learner),
        source="probe",
        source_event_id=f"e{number}",
        result_id=f"r{number}",
        activity=f"https://probe.example/{activity}",
        occurred_at=EPOCH,
        recorded_at=at,
    )


def as_record(event: ResultRecorded) -> tuple[bytes, bytes | None, list[tuple[str, bytes]]]:
    """Return key, value and headers of the record that carries a result."""
    envelope = to_cloudevent(
        event,
        id=event.result_id,
        source=source_of("assessment", event.tenant),
        tenant=event.tenant,
        learner=event.learner,
        as_of=event.recorded_at,
    )
    headers, value = to_kafka(envelope)
    return topic_key(event.tenant, event.learner), value, headers


def consumed(at: Partition, offset: int, event: ResultRecorded, timestamp: int = 0) -> Record:
    """Return the record of a result as a consumer is handed it."""
    key, value, headers = as_record(event)
    return Record(at, offset, key, value, tuple(headers), timestamp)


async def feed(bootstrap: str, topic: str, events: Sequence[ResultRecorded | bytes]) -> None:
    """Publish results in order; bytes are published as they are, under the key of nobody."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, linger_ms=5)
    await producer.start()
    try:
        for event in events:
            if isinstance(event, bytes):
                await producer.send(topic, event, key=b"probe-a/nobody")
                continue
            key, value, headers = as_record(event)
            await producer.send(topic, value, key=key, headers=headers)
    finally:
        await producer.stop()


async def write_rows(connection: Connection, rows: Sequence[Outgoing]) -> None:
    """Write rows of the outbox in the caller's transaction, as a unit of work does."""
    unit = Unit(connection, Partitions(0, {}))
    unit.outgoing += rows
    await publish_unit(unit)
