# SPDX-License-Identifier: Apache-2.0
"""What Kafka has committed of a group of Faust, which begins there and cannot be told to seek.

The truth is in the database, so where a group is stopped its offsets are set to that. A running one commits
behind the database: an offset above the stored progress is of a database that was restored since. Every
process of the group then ends, also one to whom nothing comes, until none is left and the next can set them.
"""

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError

from cairn.brokers import connection
from chassis.errors import Conflict
from chassis.streams.aiokafka_runner import ConsumerSettings
from chassis.streams.assignment import extents
from chassis.streams.message import Offsets, Partition
from chassis.streams.topic_ids import read_topic_ids
from chassis.unit.restored import tell_restored
from chassis.unit.work import UnitOfWork

log = structlog.get_logger()


async def set_stopped_group(settings: ConsumerSettings, work: UnitOfWork) -> None:
    """Set the group's committed offsets to the stored progress, where no member is active.

    Where the group is running, its offsets were committed after the database's commit and lie at or below the
    stored progress; raises :class:`Conflict` where one does not.
    """
    partitions = await _partitions(settings)
    consumer = AIOKafkaConsumer(
        **connection(settings.bootstrap), group_id=settings.group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign(partitions)
        starts, ends = await extents(consumer, [Partition(*at) for at in partitions])
        ids = await read_topic_ids(settings.bootstrap, settings.topics)
        offsets = await work.claim(starts, ends, ids)
        tell_restored(work.consumer, offsets, await _committed(settings))
        work.ownership.release(offsets)
        await consumer.commit({TopicPartition(*at): offset for at, offset in offsets.items()})
    except CommitFailedError:
        log.info("the group is running; its committed offsets stand", group=settings.group)
        await check_committed(settings, work)
    finally:
        await consumer.stop()


async def check_committed(settings: ConsumerSettings, work: UnitOfWork) -> None:
    """Raise :class:`Conflict` where the group has committed more than the database holds."""
    reached = await _committed(settings)
    # In this order: progress only grows, and what is committed lies behind it.
    stored = await work.stored(reached)
    tell_restored(work.consumer, stored, reached)
    for at, offset in sorted(reached.items()):
        if offset > stored.get(at, offset):
            raise Conflict(
                f"{at.topic}[{at.number}] is committed up to {offset}, above the stored progress {stored[at]}"
            )


async def _committed(settings: ConsumerSettings) -> Offsets:
    admin = AIOKafkaAdminClient(**connection(settings.bootstrap))
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(settings.group)
    finally:
        await admin.close()
    return {
        Partition(at.topic, at.partition): each.offset
        for at, each in found.items()
        if at.topic in settings.topics and each.offset >= 0
    }


async def _partitions(settings: ConsumerSettings) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(**connection(settings.bootstrap))
    await admin.start()
    try:
        described = await admin.describe_topics(list(settings.topics))
    finally:
        await admin.close()
    return [
        TopicPartition(each["topic"], part["partition"]) for each in described for part in each["partitions"]
    ]
