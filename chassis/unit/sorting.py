# SPDX-License-Identifier: Apache-2.0
"""Which messages of a batch are folded, once the inbox and what waits of their learners are known."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cairn.events.change import change_of
from chassis.errors import Reject
from chassis.streams.message import Message
from chassis.unit.inbox import Seen
from chassis.unit.items import Item, Place, Refused, place_of
from chassis.unit.learners import LearnerKey
from chassis.unit.parking import WAITS, Aside, Head


class Sorted(NamedTuple):
    """The batch by what happens to it; each list in the order of the records."""

    new: list[Message[Any]]
    duplicates: list[Message[Any]]
    conflicts: list[Message[Any]]
    asides: list[Aside]
    filling: set[LearnerKey]
    """Of whom a record came that their first waiting one was too early for."""


def sort_out(
    items: Sequence[Item],
    seen: Sequence[Seen],
    waiting: Mapping[LearnerKey, Head],
    raised: Mapping[Place, Reject],
) -> Sorted:
    """Sort the items of a batch; ``seen`` tells of each message, ``raised`` names records known to fail."""
    found = Sorted([], [], [], [], set())
    held: set[LearnerKey] = set()
    verdicts = iter(seen)
    for item in items:
        if isinstance(item, Refused):
            found.asides.append(Aside(item.record, item.learner, item.error))
            held.update([item.learner] if item.learner else [])
            continue
        match next(verdicts):
            case Seen.DUPLICATE:
                found.duplicates.append(item)
            case Seen.CONFLICT:
                found.conflicts.append(item)
            case Seen.NEW:
                _place(found, item, held, waiting, raised)
    return found


def _place(
    found: Sorted,
    message: Message[Any],
    held: set[LearnerKey],
    waiting: Mapping[LearnerKey, Head],
    raised: Mapping[Place, Reject],
) -> None:
    learner = message.tenant, message.learner
    if not (waiting or held or raised):
        found.new.append(message)
        return
    error = raised.get(place_of(message.record))
    head = waiting.get(learner)
    fills = head is not None and head.comes_before(change_of(message.event))
    if error is None and learner not in held and (head is None or fills):
        found.new.append(message)
        found.filling.update([learner] if fills else [])
        return
    held.add(learner)
    change = change_of(message.event)
    found.asides.append(Aside(message.record, learner, error or WAITS, change, entered=True))
