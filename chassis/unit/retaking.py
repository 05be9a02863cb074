# SPDX-License-Identifier: Apache-2.0
"""Folds the waiting records of one learner, in the order given, as far as they go."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cairn.events.change import Change, change_of
from chassis.errors import Reject
from chassis.streams.decode import decode_skipped
from chassis.streams.message import Message
from chassis.unit.deadletter import DeadLetter
from chassis.unit.fence import Outcome
from chassis.unit.inbox import Seen
from chassis.unit.items import Item, Place, Refused, place_of
from chassis.unit.opening import Opened
from chassis.unit.unit import Unit
from chassis.unit.waiting import Waiting
from chassis.unit.work import CONFLICT, UnitOfWork


class Retaken(NamedTuple):
    """Waiting records by what has become of them."""

    ended: list[tuple[Waiting, Outcome]]
    stays: Waiting | None = None
    """The first that could not be folded either, with its reason; what is behind it waits on."""
    change: Change | None = None
    """What the one that stays is about."""
    entered: Sequence[Waiting] = ()
    """Those behind it that could not be read when they came, and that the inbox has now."""
    skipped: Change | None = None
    """What was passed over, where the first states a change and says which."""


async def retake(  # noqa: PLR0913 - what it works with, and on what
    work: UnitOfWork,
    unit: Unit,
    opened: Opened,
    waiting: Sequence[tuple[Waiting, Item]],
    raised: Mapping[Place, Reject],
    *,
    discard: bool,
) -> Retaken:
    """Fold waiting records of one learner, who is locked; with ``discard`` pass the first of them over."""
    if not discard:
        return await _fold(work, unit, opened, waiting, raised)
    first, _ = waiting[0]
    # As the record has it and not as the handler read it: it could not read every one that is discarded.
    skipped = decode_skipped(first.record)
    if skipped is not None:
        await work.handler.skip(unit, skipped)
        await unit.flush()
    rest = await _fold(work, unit, opened, waiting[1:], raised)
    ended = [(first, Outcome.DEAD_LETTERED), *rest.ended]
    return rest._replace(ended=ended, skipped=change_of(skipped))


async def _fold(
    work: UnitOfWork,
    unit: Unit,
    opened: Opened,
    waiting: Sequence[tuple[Waiting, Item]],
    raised: Mapping[Place, Reject],
) -> Retaken:
    taken = _readable(waiting, raised)
    seen = await _enter(work, unit, taken)
    new = [message for (_, message), verdict in zip(taken, seen, strict=True) if verdict is Seen.NEW]
    await work.fold(unit, new, opened)
    refused = {place_of(each.record): each.error for each in unit.asides}
    ended: list[tuple[Waiting, Outcome]] = []
    for (row, message), verdict in zip(taken, seen, strict=True):
        if place_of(row.record) in refused:
            break
        if verdict is Seen.CONFLICT:
            key = message.tenant, work.consumer, message.learner
            unit.dead_letters.append(DeadLetter(*key, row.record, CONFLICT))
        error = CONFLICT if verdict is Seen.CONFLICT else row.error
        ended.append((row._replace(error=error), _ending(unit, message, verdict)))
    if len(ended) == len(waiting):
        return Retaken(ended)
    behind = list(zip(taken, seen, strict=True))[len(ended) + 1 :]
    entered = [row for (row, _), verdict in behind if verdict is Seen.NEW and not row.entered]
    return Retaken(ended, *_staying(*waiting[len(ended)], raised, refused), entered)


def _readable(
    waiting: Sequence[tuple[Waiting, Item]], raised: Mapping[Place, Reject]
) -> list[tuple[Waiting, Message[Any]]]:
    """Return the messages up to the first record that is none, or that is known to fail."""
    taken: list[tuple[Waiting, Message[Any]]] = []
    for row, item in waiting:
        if isinstance(item, Refused) or place_of(row.record) in raised:
            break
        taken.append((row, item))
    return taken


async def _enter(work: UnitOfWork, unit: Unit, taken: Sequence[tuple[Waiting, Message[Any]]]) -> list[Seen]:
    """Enter in the inbox what could not be read when it came; tell of each message what it is."""
    late = [message for row, message in taken if not row.entered]
    verdicts = iter(await work.enter(unit.connection, late) if late else ())
    return [Seen.NEW if row.entered else next(verdicts) for row, _ in taken]


def _ending(unit: Unit, message: Message[Any], seen: Seen) -> Outcome:
    match seen:
        case Seen.NEW:
            return unit.outcome_of(message.record)
        case Seen.DUPLICATE:
            return Outcome.DUPLICATE
        case Seen.CONFLICT:
            return Outcome.DEAD_LETTERED


def _staying(
    row: Waiting, item: Item, raised: Mapping[Place, Reject], refused: Mapping[Place, Reject]
) -> tuple[Waiting, Change | None]:
    """Return the record with the reason why it stays, and what it is about."""
    place = place_of(row.record)
    if isinstance(item, Refused):
        return row._replace(error=item.error), None
    if place in refused:
        return row._replace(error=refused[place], entered=True), change_of(item.event)
    return row._replace(error=raised[place]), change_of(item.event)
