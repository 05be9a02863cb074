# SPDX-License-Identifier: Apache-2.0
"""The invariants: what must hold after every step of a history, and once it is drained."""

from collections import defaultdict

from chassis.streams.message import Partition
from tests.model.broker import Broker
from tests.model.database import Database
from tests.model.reference import Reference
from tests.model.stages import Stage
from tests.model.values import Event, Letter, Value


class Checks:
    """Watches one stage; looks only at what is new since it last looked."""

    def __init__(self, stage: Stage, broker: Broker, database: Database) -> None:
        """Begin before anything has happened."""
        self._stage = stage
        self._broker = broker
        self._database = database
        self._reference = Reference(stage)
        self._arrived: defaultdict[str, list[Event]] = defaultdict(list)
        self._buried: set[Letter] = set()
        self._read: defaultdict[Partition, int] = defaultdict(int)
        self._followed = 0

    def always(self) -> None:
        """Check what holds at every instant."""
        if len(self._database.consumed) > self._followed:
            self._follow()
        assert self._database.progress == self._reference.progress, "progress without effects"
        for at, log in self._broker.logs.items():
            if len(log) > self._read[at]:
                self._watch(at, log)

    def at_last(self) -> None:
        """Check what holds once everything has been drained: nothing is lost on the way."""
        self.always()
        for at in self._stage.sources:
            log = self._broker.logs[at]
            assert self._database.progress.get(at, 0) == len(log), f"{at} holds what nobody consumed"
        assert not self._database.outbox, "a row was never published"
        for learner, events in self._reference.emitted.items():
            assert self._arrived[learner] == events, f"what was emitted of {learner} never arrived"
        assert self._buried == set(self._reference.letters), "a dead letter never arrived"

    def _follow(self) -> None:
        """Check I2 and I3: what is committed is what a clean run of the same order comes to."""
        stored, clean = self._database, self._reference
        for record in stored.consumed[self._followed :]:
            clean.follow(record)
        self._followed = len(stored.consumed)
        assert stored.counts == clean.counts, "records ended otherwise, or were counted otherwise (I3)"
        assert stored.inbox == clean.first, "another content was accepted than the first"
        assert stored.states == clean.states, "another state than a clean run's (I2)"
        for learner, rows in stored.published.items():
            ids, values = [row_id for row_id, _ in rows], [row.value for _, row in rows]
            # Drawn under the learner's lock; a record that nobody can decode has none.
            assert not learner or ids == sorted(ids), (
                "the order of a learner's ids is not that of the commits"
            )
            wanted: list[Event] | list[Letter] = clean.emitted[learner] if learner else list(clean.letters)
            assert values == wanted, "other events than a clean run's (I2)"

    def _watch(self, at: Partition, log: list[Value]) -> None:
        """Check a topic of this stage's: each learner's events for the first time in order, none unknown."""
        for value in log[self._read[at] :]:
            if at.topic == self._stage.target:
                assert isinstance(value, Event)
                self._arrive(value)
            elif isinstance(value, Letter) and value.at in self._stage.sources:
                assert value in self._reference.letters, "a dead letter that no commit holds"
                self._buried.add(value)
        self._read[at] = len(log)

    def _arrive(self, event: Event) -> None:
        arrived, emitted = self._arrived[event.learner], self._reference.emitted[event.learner]
        if event in arrived:
            return
        assert len(arrived) < len(emitted), "an event that no commit holds"
        assert emitted[len(arrived)] == event, "the events of a learner overtake one another"
        arrived.append(event)
