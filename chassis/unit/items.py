# SPDX-License-Identifier: Apache-2.0
"""The records of a batch once they are read: messages, and what could not be made one."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from cairn.ids import OPERATOR, TenantId
from chassis.errors import Reject
from chassis.streams.handler import Handler
from chassis.streams.message import Message, Partition, Record
from chassis.unit.learners import LearnerKey
from chassis.unit.parking import learner_of

Place: TypeAlias = tuple[Partition, int]


class Refused(NamedTuple):
    """A record that cannot be read; ``learner`` is whose it is by its key."""

    record: Record
    learner: LearnerKey | None
    error: Reject


Item: TypeAlias = Message[Any] | Refused


def place_of(record: Record) -> Place:
    """Return what identifies a record to its consumer."""
    return record.at, record.offset


def unrepeated(records: Sequence[Record]) -> Sequence[Record]:
    """Return each record once, in order: a batch gathered over an assignment may hold one twice."""
    places = {(record.at, record.offset): record for record in records}
    return records if len(places) == len(records) else list(places.values())


def read(handler: Handler[Any], records: Iterable[Record]) -> list[Item]:
    """Read every record by itself, in order."""
    items: list[Item] = []
    for record in records:
        try:
            items.append(handler.decode(record))
        except Reject as error:
            items.append(Refused(record, learner_of(record.key), error))
    return items


def messages_of(items: Sequence[Item]) -> list[Message[Any]]:
    """Return what could be read."""
    return [item for item in items if isinstance(item, Message)]


def learners_of(items: Iterable[Item]) -> Iterator[LearnerKey]:
    """Return whose the items are, as far as they say."""
    for item in items:
        if isinstance(item, Message):
            yield item.tenant, item.learner
        elif item.learner is not None:
            yield item.learner


def tenants_of(items: Iterable[Item]) -> list[TenantId]:
    """Return whose data the items touch."""
    return sorted({OPERATOR, *(tenant for tenant, _ in learners_of(items))})
