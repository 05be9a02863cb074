# SPDX-License-Identifier: Apache-2.0
"""What is missing in a log: the topic was made again, or the log does not reach to the stored progress.

It may start above it, where records were deleted that nobody had consumed, or end below it, where Kafka
has lost what was consumed and gives its offsets to other records. Each loss is written down with a number,
and nothing of the topic is taken until an operator has accepted that loss by its name (design section 4).
What a topic that was made again brings once more are duplicates to the inbox.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from chassis.database import Connection
from chassis.errors import Bug
from chassis.streams.message import Offsets, Partition

TopicIds = Mapping[str, UUID]
NO_IDS: TopicIds = MappingProxyType({})

_STANDING = """
select topic, partition, next_offset, topic_id from chassis.fence
where consumer = $1 and topic = any ($2::text[])
order by topic, partition
"""
_NOTE = """
insert into chassis.loss (consumer, topic, stored_id, found_id, partition, next_offset, log_start)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict do nothing
"""
_NUMBER = """
select id from chassis.loss
where consumer = $1 and accepted_at is null
    and (topic, stored_id, found_id, partition, next_offset, log_start)
        is not distinct from ($2, $3::uuid, $4::uuid, $5::int, $6::bigint, $7::bigint)
"""


class RecordsLost(Bug):
    """A log is not what the consumer left; an operator has to accept that, and then it goes on."""


class Loss(NamedTuple):
    """What is missing of a topic; the last three are None where the whole topic was made again."""

    topic: str
    stored_id: UUID | None
    found_id: UUID | None
    partition: int | None = None
    next_offset: int | None = None
    log_start: int | None = None
    """Where the log goes on, on either side of ``next_offset``."""


class _Standing(NamedTuple):
    """How far a consumer is with one partition, and of which topic that is."""

    at: Partition
    next_offset: int
    topic_id: UUID | None


async def check_logs(
    connection: Connection, consumer: str, starts: Offsets, ends: Offsets, ids: TopicIds
) -> None:
    """Compare the stored progress with where logs start and end, and with the ids of topics.

    Raises RecordsLost, which names all that is lost and what to do, once that has been written down.
    """
    topics = sorted({at.topic for at in (*starts, *ends)} | ids.keys())
    rows = await connection.fetch(_STANDING, consumer, topics)
    standing = [_Standing(Partition(row[0], row[1]), row[2], row[3]) for row in rows]
    found = [*_made_again(standing, ids)]
    again = {loss.topic for loss in found}
    found += [loss for loss in _elsewhere(standing, starts, ends) if loss.topic not in again]
    if found:
        named = [_sentence(loss, standing, await _note(connection, consumer, loss)) for loss in found]
        raise RecordsLost("; ".join(named))


def _made_again(standing: Sequence[_Standing], ids: TopicIds) -> Iterator[Loss]:
    known = {(row.at.topic, row.topic_id) for row in standing if row.topic_id is not None}
    for topic, stored in sorted(known):
        found = ids.get(topic, stored)
        if found != stored:
            yield Loss(topic, stored, found)


def _elsewhere(standing: Sequence[_Standing], starts: Offsets, ends: Offsets) -> Iterator[Loss]:
    for at, offset, topic_id in standing:
        goes_on = max(starts.get(at, 0), min(offset, ends.get(at, offset)))
        if goes_on != offset:
            yield Loss(at.topic, topic_id, topic_id, at.number, offset, goes_on)


async def _note(connection: Connection, consumer: str, loss: Loss) -> str:
    await connection.execute(_NOTE, consumer, *loss)
    return f"consumers/{consumer}/losses/{await connection.fetchval(_NUMBER, consumer, *loss)}"


def _sentence(loss: Loss, standing: Sequence[_Standing], name: str) -> str:
    remedy = f"`cairn consumers accept {name}`"
    if loss.next_offset is not None and loss.log_start is not None:
        return f"{_missing(loss, loss.next_offset, loss.log_start)}; {remedy} goes on at {loss.log_start}"
    stood = ", ".join(
        f"[{row.at.number}] {row.next_offset}" for row in standing if row.at.topic == loss.topic
    )
    made = f"{loss.topic} was made again: its id was {loss.stored_id} and is {loss.found_id}"
    return f"{made}, and the progress stands at {stood}; {remedy} begins at the new log's start"


def _missing(loss: Loss, stood: int, goes_on: int) -> str:
    where = f"{loss.topic}[{loss.partition}]"
    if goes_on > stood:
        return f"{where} has lost the records {stood} to {goes_on - 1}"
    return f"{where} ends at {goes_on} and has lost the records {goes_on} to {stood - 1}, which were consumed"
