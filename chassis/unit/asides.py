# SPDX-License-Identifier: Apache-2.0
"""How a record ends that is put aside: parked, or dead-lettered as a bug, which the breaker counts."""

from collections.abc import Iterable, Sequence

from cairn.ids import OPERATOR
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
    return await count_bugs(unit, consumer, records, [bug.record for bug in bugs])


async def count_bugs(
    unit: Unit, consumer: str, records: Sequence[Record], bugs: Sequence[Record]
) -> Record | None:
    """Let the breaker count the bugs among the unit's records, both in order.

    Returns the record at which it opens where others are behind it, as above.
    """
    if not bugs:
        return None
    order = {place_of(record): number for number, record in enumerate(records, 1)}
    places = [order[place_of(bug)] for bug in bugs]
    opens = await breaker.note(unit.connection, consumer, places)
    return None if opens is None or places[opens] == len(records) else bugs[opens]
