# SPDX-License-Identifier: Apache-2.0
"""The whole of the model: a broker, two chained stages, and the checks that watch them."""

from typing import assert_never

from tests.model.broker import Broker
from tests.model.checks import Checks
from tests.model.group import Group
from tests.model.moves import STAGES, Arrival, Assignment, Failure, Fault, Move, Publish, Work
from tests.model.values import Defect


class World:
    """Where a history happens."""

    def __init__(self, defect: Defect) -> None:
        """Begin with empty topics and databases and every process running."""
        self.broker = Broker()
        self.groups = [Group(stage, self.broker, defect) for stage in STAGES]
        self._checks = [Checks(group.stage, self.broker, group.database) for group in self.groups]

    def happen(self, move: Move) -> None:
        """Let one move happen."""
        match move:
            case Arrival():
                self.broker.append(move.at, move.value)
            case Work():
                self._work(move)
            case Publish():
                self._publish(move)
            case Failure():
                _fail(self.groups[move.stage], move.number, move.fault)
            case Assignment():
                self.groups[move.stage].give(move.at, move.number, told=move.told)
            case _ as never:
                assert_never(never)

    def check(self) -> None:
        """Check what holds at every instant."""
        for checks in self._checks:
            checks.always()

    def end(self) -> None:
        """Drain everything without further faults; then nothing is lost and nothing is doubled."""
        for group, checks in zip(self.groups, self._checks, strict=True):
            group.drain()
            checks.at_last()

    def _work(self, turns: Work) -> None:
        workers = self.groups[turns.stage].workers
        one, other = workers[turns.number], workers[1 - turns.number]
        for worker, steps in zip((one, other, one), turns.steps, strict=True):
            if steps:
                worker.poll(turns.limit)
            for _ in range(steps):
                worker.advance()

    def _publish(self, turns: Publish) -> None:
        relays = self.groups[turns.stage].relays
        one, other = relays[turns.number], relays[1 - turns.number]
        for relay, steps in zip((one, other, one), turns.steps, strict=True):
            for _ in range(steps):
                relay.advance(turns.limit)


def _fail(group: Group, number: int, fault: Fault) -> None:
    match fault:
        case Fault.KILLED | Fault.KILLED_AND_CANNOT_SEEK:
            group.restart(number, seeks=fault is Fault.KILLED)
        case Fault.STATEMENT_FAILED | Fault.RECORD_REFUSED:
            group.workers[number].retry(halve=fault is Fault.RECORD_REFUSED)
        case Fault.RECORD_LEFT_OUT:
            group.workers[number].leave_out()
        case Fault.RELAY_KILLED:
            group.kill_relay(number)
        case Fault.RELAY_SUSPENDED:
            group.suspend_relay(number)
        case Fault.RELAY_WOKEN:
            group.wake_relay()
        case _ as never:
            assert_never(never)
