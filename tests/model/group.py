# SPDX-License-Identifier: Apache-2.0
"""One stage as it runs: two workers of one group, two relays, and one database."""

from chassis.streams.message import Partition
from tests.model.broker import Broker
from tests.model.database import Database
from tests.model.relay import Relay
from tests.model.stages import Stage
from tests.model.unit import Point
from tests.model.values import Defect
from tests.model.worker import Worker

SIZE = 2
_EVERYTHING = 1000


class Deadlock(AssertionError):
    """Every worker waits for another."""


class Group:
    """Who is assigned what, who has been told of it, and what is left once nothing fails any more."""

    def __init__(self, stage: Stage, broker: Broker, defect: Defect) -> None:
        """Begin with the partitions dealt out in turn."""
        self.stage = stage
        self.database = Database()
        self._broker = broker
        self._defect = defect
        self._assigned = {at: place % SIZE for place, at in enumerate(stage.sources)}
        self._zombies: list[Relay] = []
        self.workers = [Worker(stage, broker, self.database, defect) for _ in range(SIZE)]
        self.relays = [self._relay() for _ in range(SIZE)]
        for number in range(SIZE):
            self.restart(number, seeks=True)

    def restart(self, number: int, *, seeks: bool) -> None:
        """Kill a worker wherever it stands and start a process in its place."""
        self.workers[number].start(self._of(number), seeks=seeks)

    def give(self, at: Partition, number: int, *, told: bool) -> None:
        """Assign a partition; an owner that is not told of it is a zombie."""
        former = self._assigned[at]
        self._assigned[at] = number
        if told:
            self.workers[former].release(at)
        self.workers[number].assign(at)

    def kill_relay(self, number: int) -> None:
        """Start a relay in the place of one that is dead."""
        self.relays[number] = self._relay()

    def suspend_relay(self, number: int) -> None:
        """Start a relay in the place of one that sleeps, and will wake past its lease."""
        self._zombies.append(self.relays[number])
        self.kill_relay(number)

    def wake_relay(self, _number: int = 0) -> None:
        """Let the relay that has slept longest finish what it has in hand."""
        zombie = self._zombies.pop(0) if self._zombies else None
        while zombie is not None and zombie.busy:
            zombie.advance(0)

    def drain(self) -> None:
        """Finish everything, with no fault any more."""
        while self._zombies:
            self.wake_relay()
        self._finish()
        for number, worker in enumerate(self.workers):
            for at in self.stage.sources:
                worker.release(at)
            for at in self._of(number):
                worker.assign(at)
            worker.poll(_EVERYTHING)
        self._finish()
        for relay in self.relays:
            for _ in range(2):
                relay.advance(_EVERYTHING)
                while relay.busy:
                    relay.advance(_EVERYTHING)

    def _finish(self) -> None:
        while busy := [worker for worker in self.workers if worker.busy]:
            if all(worker.advance() is Point.WAITING for worker in busy):
                raise Deadlock(self.stage.name)

    def _of(self, number: int) -> list[Partition]:
        return [at for at, owner in self._assigned.items() if owner == number]

    def _relay(self) -> Relay:
        return Relay(self._broker, self.database, self._defect)
