# SPDX-License-Identifier: Apache-2.0
"""What one request about a learner's first waiting record does, in its transaction (ADR 0006).

Locks are taken in the order of every unit of work. Then the first waiting record is folded or passed
over, and what waits behind it as far as it goes; each count moves to how its record ended.
"""

from collections.abc import Collection, Iterable, Sequence

from chassis.database import Connection
from chassis.streams.message import Partition
from chassis.unit import early, fence, parking
from chassis.unit.attempt import Attempt
from chassis.unit.closing import close_unit
from chassis.unit.deadletter import dead_letter
from chassis.unit.fence import Outcome
from chassis.unit.items import Item, Place, place_of, read
from chassis.unit.learners import LearnerKey
from chassis.unit.recounting import Recount, recount
from chassis.unit.requests import GONE, STAYS, Answer, Request
from chassis.unit.retaking import Retaken, retake
from chassis.unit.unit import Unit
from chassis.unit.waiting import (
    Waiting,
    note_entered,
    partitions_of,
    remove,
    restate,
    waiting_of,
)
from chassis.unit.work import UnitOfWork


async def first_of(
    work: UnitOfWork, connection: Connection, learner: LearnerKey, most: int
) -> tuple[list[Waiting], bool]:
    """Return the learner's first waiting records, and whether more wait.

    With them comes what the first of them waits for, wherever it stands.
    """
    found = await waiting_of(connection, work.consumer, learner, most + 1)
    rows, more = found[:most], len(found) > most
    if more and rows[0].error.reason == parking.GAP:
        taken = {row.place for row in rows}
        waited_for = await early.missing(connection, work.handler, work.consumer, learner, rows[0])
        rows += [row for row in waited_for if row.place not in taken]
    return rows, more


async def resume(work: UnitOfWork, connection: Connection, request: Request, attempt: Attempt) -> Answer:
    """Do what was asked, and say what came of it."""
    consumer, learner = work.consumer, request.learner
    partitions = await partitions_of(connection, consumer, learner)
    await fence.lock(connection, consumer, partitions)
    opened = await work.hold(connection, learner)
    found, more = await first_of(work, connection, learner, attempt.most)
    if not found or found[0].place != request.place:
        return Answer(GONE)
    waiting = _in_turn(found, read(work.handler, [row.record for row in found]), discard=request.discard)
    chosen = _together(waiting, partitions)[: attempt.most]
    unit = work.unit(connection, opened)
    if not chosen:  # what comes first has come meanwhile, from a partition that is not locked
        parking.ask_again(unit.writes, consumer, {learner: request.place})
        await close_unit(unit, consumer, {})
        return Answer(STAYS)
    attempt.first, attempt.taken = chosen[0][0].record, len(chosen)
    taken = await retake(work, unit, opened, chosen, attempt.raised, discard=request.discard)
    attempt.seconds = unit.folding
    _write(unit, consumer, learner, taken, found)
    await unit.flush()
    more = more or len(chosen) < len(found)
    if more and await _goes_on(work, connection, learner, taken, found[0]):
        heads = await parking.heads(connection, consumer, [learner])
        parking.ask_again(unit.writes, consumer, {key: head.place for key, head in heads.items()})
    await unit.timers.store(connection, unit.writes)
    await close_unit(unit, consumer, {})
    ended = {row.place: outcome for row, outcome in taken.ended}
    if request.place not in ended:
        return Answer(STAYS, len(ended))
    return Answer(ended[request.place].value, len(ended) - 1, taken.skipped)


def _in_turn(rows: Sequence[Waiting], items: Iterable[Item], *, discard: bool) -> list[tuple[Waiting, Item]]:
    """Return the records in the order in which they are folded; one that is discarded stays the first."""
    waiting = list(zip(rows, items, strict=True))
    return [*waiting[:1], *early.by_revision(waiting[1:])] if discard else early.by_revision(waiting)


async def _goes_on(
    work: UnitOfWork, connection: Connection, learner: LearnerKey, taken: Retaken, first: Waiting
) -> bool:
    """Tell whether another request would come further: what has been done is written already."""
    stays = taken.stays
    if stays is None:
        return True
    if stays.error.reason != parking.GAP:
        return False
    if not taken.ended and stays.place == first.place and first.error.reason == parking.GAP:
        return False  # what it waits for was looked for, and did not help
    return bool(await early.missing(connection, work.handler, work.consumer, learner, stays))


def _write(unit: Unit, consumer: str, learner: LearnerKey, taken: Retaken, found: Sequence[Waiting]) -> None:
    """Let go what has ended, have the record that stays wait as the first, and move the counts."""
    moved = list(taken.ended)
    if taken.ended:
        remove(unit.writes, consumer, learner, [row for row, _ in taken.ended])
    if taken.stays is not None:
        outcome = parking.outcome_of(taken.stays.error)
        moved.append((taken.stays, outcome))
        gone = {row.place for row, _ in taken.ended}
        behind = taken.stays.place > min(row.place for row in found if row.place not in gone)
        stays = taken.stays._replace(outcome=outcome)
        restate(unit.writes, consumer, learner, stays, taken.change, first=behind)
    if taken.entered:
        note_entered(unit.writes, consumer, learner, taken.entered)
    for row, outcome in moved:
        if outcome is Outcome.DEAD_LETTERED and row.outcome is not outcome:
            unit.outgoing.append(dead_letter(consumer, learner[0], row.record, row.error))
    recounts = [Recount(row.record.at, row.outcome, outcome) for row, outcome in moved]
    recount(unit.writes, consumer, recounts)


def _together(
    waiting: Sequence[tuple[Waiting, Item]], partitions: Collection[Partition]
) -> Sequence[tuple[Waiting, Item]]:
    """Return those of the waiting records, from the first on, that one unit may take.

    One that came from another partition meanwhile is for the next replay: its count is not locked. So is one
    of a topic that was made again where an earlier one stood: a unit tells records by their places.
    """
    places: set[Place] = set()
    for number, (row, _) in enumerate(waiting):
        if row.record.at not in partitions or place_of(row.record) in places:
            return waiting[:number]
        places.add(place_of(row.record))
    return waiting
