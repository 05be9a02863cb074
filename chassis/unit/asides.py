# SPDX-License-Identifier: Apache-2.0
"""How a record ends that is put aside: parked, or dead-lettered as a bug, which the breaker counts."""

from collections.abc import Iterable, Sequence

from cairn.ids import OPERATOR
from chassis.errors import Reject
from chassis.streams.message import Record
from chassis.unit import breaker
from chassis.unit.deadletter import NOBODY, DeadLetter, dead_letter
from chassis.unit.fence import Outcome
from chassis.unit.items import place_of
from chassis.unit.learners import LearnerKey
from chassis.unit.parking import Aside, outcomes_of, park
from chassis.unit.unit import Unit


async def put_aside(
    unit: Unit, consumer: str, records: Sequence[Record], asides: Sequence[Aside], held: Iterable[LearnerKey]
) -> Record | None:
    """End every record that is put aside, in the order of the unit's records.

    ``held`` are the learners of whom others wait already. Returns the record at which the breaker opens
    where others are behind it: the unit has to end there, and nothing of it may be committed.
    """
    order = {place_of(record): number for number, record in enumerate(records, 1)}
    ended = outcomes_of(sorted(asides, key=lambda aside: order[place_of(aside.record)]), held)
    for aside, outcome in ended:
        unit.end(aside.record, outcome)
    park(unit.writes, consumer, ended)
    bugs = [aside for aside, outcome in ended if outcome is Outcome.DEAD_LETTERED]
    for bug in bugs:
        tenant = bug.learner[0] if bug.learner else OPERATOR
        unit.outgoing.append(dead_letter(consumer, tenant, bug.record, bug.error))
        if bug.learner is None:
            unit.dead_letters.append(DeadLetter(tenant, consumer, NOBODY, bug.record, bug.error))
    if not bugs:
        return None
    places = [order[place_of(bug.record)] for bug in bugs]
    opens = await breaker.note(unit.connection, consumer, places)
    return None if opens is None or places[opens] == len(records) else bugs[opens].record


def raised_by(error: Exception) -> Reject:
    """Say what was raised and where, and nothing of the values that it was raised about."""
    if isinstance(error, Reject):
        return error
    traced = error.__traceback__
    while traced is not None and traced.tb_next is not None:
        traced = traced.tb_next
    if traced is None:
        return Reject(f"raised {type(error).__name__}")
    code = traced.tb_frame.f_code
    return Reject(f"raised {type(error).__name__} in {code.co_qualname}, line {traced.tb_lineno}")
