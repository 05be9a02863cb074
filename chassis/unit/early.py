# SPDX-License-Identifier: Apache-2.0
"""Waiting records that came before an earlier change of the same thing, and what they wait for (ADR 0006)."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from cairn.events.change import Change, change_of
from chassis.database import Connection
from chassis.streams.handler import Handler
from chassis.streams.message import Message
from chassis.unit.items import Item, read
from chassis.unit.learners import LearnerKey
from chassis.unit.waiting import Waiting, waiting_of

# How many of a learner's waiting records are read at once.
_CHUNK = 500


def about(item: Item) -> Change | None:
    """Return what a record says that it changes, if it can be read and says so."""
    return change_of(item.event) if isinstance(item, Message) else None


def by_revision(waiting: Sequence[tuple[Waiting, Item]]) -> list[tuple[Waiting, Item]]:
    """Return the records with the changes of each subject in their own order.

    Directly before what came too early stands what it waited for, as where that is told alone: in which
    order all is folded does not hang on how many records a unit takes (I2).
    """
    of_subject: dict[str | None, list[tuple[int, int]]] = {}
    changes = [about(item) for _, item in waiting]
    for number, change in enumerate(changes):
        if change is not None:
            of_subject.setdefault(change.subject, []).append((change.revision, number))
    left = {subject: deque(sorted(numbers)) for subject, numbers in of_subject.items()}
    ordered: list[tuple[Waiting, Item]] = []
    for number, change in enumerate(changes):
        if change is None:
            ordered.append(waiting[number])
            continue
        ones = left[change.subject]
        while ones and ones[0] <= (change.revision, number):
            ordered.append(waiting[ones.popleft()[1]])
    return ordered


async def missing(
    connection: Connection, handler: Handler[Any], consumer: str, learner: LearnerKey, early: Waiting
) -> list[Waiting]:
    """Return which of the learner's waiting records one waits for that came too early, first revisions first.

    Every one of them is read for it: only of the first is it known what it is about.
    """
    (change,) = map(about, read(handler, [early.record]))
    found: list[tuple[int, Waiting]] = []
    rows = await waiting_of(connection, consumer, learner, _CHUNK)
    while change is not None and rows:
        for row, item in zip(rows, read(handler, [row.record for row in rows]), strict=True):
            earlier = about(item)
            if earlier is not None and earlier.comes_before(change):
                found.append((earlier.revision, row))
        rows = await waiting_of(connection, consumer, learner, _CHUNK, rows[-1].place)
    found.sort(key=lambda each: (each[0], each[1].place))
    return [row for _, row in found[:_CHUNK]]
