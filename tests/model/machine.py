# SPDX-License-Identifier: Apache-2.0
"""Random histories of the model, checked after every move and once they are drained."""

from typing import ClassVar

from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.model.moves import MOVES, Move
from tests.model.values import Defect
from tests.model.world import World


class Protocol(RuleBasedStateMachine):
    """Two chained stages under every fault that the design names, with a defect or without."""

    defect: ClassVar[Defect] = Defect.NONE
    histories: ClassVar[int] = 0
    """How many have been begun, with whatever defect."""

    def __init__(self) -> None:
        """Begin a history."""
        super().__init__()
        Protocol.histories += 1
        self.world = World(self.defect)

    # One rule and not one for each kind of move: Hypothesis leaves rules out at random, history by
    # history, and a chain of two stages goes nowhere without one of its links. And five moves a step,
    # because a step costs more than what happens in it.
    @rule(moves=some.tuples(MOVES, MOVES, MOVES, MOVES, MOVES))
    def happen(self, moves: tuple[Move, ...]) -> None:
        """Let some moves happen, one after the other."""
        for move in moves:
            self.world.happen(move)
            self.world.check()

    @invariant()
    def holds(self) -> None:
        """Check what holds at every instant."""
        self.world.check()

    def teardown(self) -> None:
        """End the history without further faults."""
        self.world.end()


def planted(defect: Defect) -> type[Protocol]:
    """Return the machine whose protocol has a defect."""
    return type("Defective", (Protocol,), {"defect": defect})
