# SPDX-License-Identifier: Apache-2.0
"""Steps 5 to 7 of a unit: what the inbox says of each record, and what folding it comes to."""

from collections.abc import Iterable

from chassis.unit.fence import Outcome
from tests.model.database import Transaction
from tests.model.stages import Stage
from tests.model.values import Defect, Event, Outgoing, Record, State, letter_row, partition_of


class Effects:
    """Gathers in a transaction whose locks are taken what a batch's fresh records do."""

    def __init__(self, stage: Stage, work: Transaction, defect: Defect) -> None:
        """Begin with what the database holds now, after the locks (design section 4, step 6)."""
        self._stage = stage
        self._work = work
        self._defect = defect

    def fold(self, records: Iterable[Record]) -> None:
        """Fold record by record, in the order given; each ends in exactly one way."""
        for record in records:
            if isinstance(record.value, Event):
                outcome = self._take_in(record, record.value)
            else:
                outcome = self._bury(record, "undecodable")
            self._work.counts[record.at, outcome] += 1
            self._work.consumed.append(record)

    def _take_in(self, record: Record, event: Event) -> Outcome:
        work = self._work
        known = work.inbox.get(event.id, work.database.inbox.get(event.id))
        if known is not None and self._defect is not Defect.NO_INBOX:
            if known == event.digest:
                return Outcome.DUPLICATE
            if self._defect is not Defect.CONFLICT_OVERWRITES:
                return self._bury(record, "conflict")
        work.inbox[event.id] = event.digest
        return self._apply(record, event)

    def _apply(self, record: Record, event: Event) -> Outcome:
        work = self._work
        before = work.states.get(event.learner, work.database.states.get(event.learner, State()))
        folded = self._stage.fold(before, event)
        work.states[event.learner] = folded.state
        if folded.change is not None:
            work.publish(Outgoing(partition_of(self._stage.target, event.learner), folded.change))
        if folded.outcome is Outcome.DEAD_LETTERED:
            return self._bury(record, "refused")
        return folded.outcome

    def _bury(self, record: Record, reason: str) -> Outcome:
        self._work.publish(letter_row(record, reason))
        return Outcome.DEAD_LETTERED
