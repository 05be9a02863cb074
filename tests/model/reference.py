# SPDX-License-Identifier: Apache-2.0
"""The clean run that every history is compared with: one thread, one record at a time, no faults.

It is given the records in the order in which the units committed them, and knows of no transaction,
lock, batch or relay.
"""

from collections import Counter, defaultdict

from chassis.streams.message import Partition
from chassis.unit.fence import Outcome
from tests.model.stages import Stage
from tests.model.values import Digest, Event, Letter, Record, State


class Reference:
    """What one stage ought to have come to."""

    def __init__(self, stage: Stage) -> None:
        """Begin with nothing consumed."""
        self._stage = stage
        self.first: dict[str, Digest] = {}
        self.states: dict[str, State] = {}
        self.counts: Counter[tuple[Partition, Outcome]] = Counter()
        self.progress: dict[Partition, int] = {}
        self.emitted: defaultdict[str, list[Event]] = defaultdict(list)
        self.letters: dict[Letter, None] = {}

    def follow(self, record: Record) -> None:
        """Consume a record, which must be the next one of its partition (nothing lost, nothing twice)."""
        expected = self.progress.get(record.at, 0)
        assert record.offset == expected, f"{record} was consumed where {expected} is the next offset"
        self.progress[record.at] = expected + 1
        self.counts[record.at, self._outcome(record)] += 1

    def _outcome(self, record: Record) -> Outcome:
        event = record.value
        if not isinstance(event, Event):
            return self._bury(record, "undecodable")
        first = self.first.get(event.id)
        if first is None:
            self.first[event.id] = event.digest
            return self._apply(record, event)
        return Outcome.DUPLICATE if first == event.digest else self._bury(record, "conflict")

    def _apply(self, record: Record, event: Event) -> Outcome:
        folded = self._stage.fold(self.states.get(event.learner, State()), event)
        self.states[event.learner] = folded.state
        if folded.change is not None:
            self.emitted[event.learner].append(folded.change)
        if folded.outcome is Outcome.DEAD_LETTERED:
            self._bury(record, "refused")
        return folded.outcome

    def _bury(self, record: Record, reason: str) -> Outcome:
        self.letters[Letter(record.at, record.offset, reason)] = None
        return Outcome.DEAD_LETTERED
