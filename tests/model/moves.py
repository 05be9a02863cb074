# SPDX-License-Identifier: Apache-2.0
"""What may happen next in a history: records arrive, processes go on in turns, something fails.

Everything that one move needs is drawn at once, since drawing is most of what a history costs.
"""

from collections.abc import Iterator, Sequence
from enum import Enum, auto
from itertools import cycle, islice, product
from random import Random
from typing import NamedTuple, TypeAlias

from hypothesis import strategies as some

from chassis.streams.message import Partition
from tests.model.group import SIZE
from tests.model.stages import ASSESSMENT, IGNORED, RECOGNITION, REFUSED
from tests.model.values import LEARNERS, Event, Value, partition_of

STAGES = (ASSESSMENT, RECOGNITION)
# Few ids, so that the same one comes again, with the same content and with other.
IDS = ("e1", "e2", "e3", "e4", "e5", "e6")
CONTENTS = (1, 2, 5, IGNORED, REFUSED)


class Arrival(NamedTuple):
    """A record of the outside, and where it arrives."""

    at: Partition
    value: Value


class Turns(NamedTuple):
    """One process takes some steps, then the other of its stage does, then the one goes on.

    ``limit`` is how many records of each partition, or rows, are taken at a time.
    """

    stage: int
    number: int
    limit: int
    steps: tuple[int, int, int]


class Work(Turns):
    """Two workers take turns."""


class Publish(Turns):
    """Two relays take turns."""


class Fault(Enum):
    """What may happen to a process in the middle of anything."""

    KILLED = auto()
    KILLED_AND_CANNOT_SEEK = auto()
    STATEMENT_FAILED = auto()
    RECORD_REFUSED = auto()
    RECORD_LEFT_OUT = auto()
    RELAY_KILLED = auto()
    RELAY_SUSPENDED = auto()
    RELAY_WOKEN = auto()


class Failure(NamedTuple):
    """What happens to whom."""

    stage: int
    number: int
    fault: Fault


class Assignment(NamedTuple):
    """A partition is given to a worker; an owner before that is not told is a zombie."""

    stage: int
    at: Partition
    number: int
    told: bool


Move: TypeAlias = Arrival | Work | Publish | Failure | Assignment

_places = tuple(product(range(len(STAGES)), range(SIZE)))
_events = [Event(*parts) for parts in product(IDS, LEARNERS, CONTENTS)]
# A whole unit takes nine steps, and so does a publication of a few rows.
_steps = (0, 3, 5, 6, 7, 9, 18)
_turns = tuple(product(_places, (1, 2, 4), product(_steps, _steps, _steps)))

_arrivals = [
    *(Arrival(partition_of("results", event.learner), event) for event in _events),
    *(Arrival(Partition("register", 0), event) for event in _events),
    *[Arrival(at, None) for at in ASSESSMENT.sources] * 4,
]
_work = [Work(*place, limit, steps) for place, limit, steps in _turns]
_publications = [Publish(*place, limit, steps) for place, limit, steps in _turns]
_failures = [Failure(*place, fault) for place in _places for fault in Fault]
_assignments = [
    Assignment(number, *each)
    for number, stage in enumerate(STAGES)
    for each in product(stage.sources, range(SIZE), (False, True))
]


def _evenly(moves: Sequence[Move], parts: int) -> Iterator[Move]:
    """Repeat moves until there are so many parts in a hundred, of a thousand each."""
    return islice(cycle(moves), parts * 1000)


def _mixed() -> list[Move]:
    """Return every move, as often as it is to happen, in an order that is the same every time."""
    # Mixed, because a large choice is not drawn evenly: its beginning comes up much more often.
    moves = [
        *_evenly(_arrivals, 20),
        *_evenly(_work, 40),
        *_evenly(_publications, 18),
        *_evenly(_failures, 11),
        *_evenly(_assignments, 11),
    ]
    Random(4).shuffle(moves)
    return moves


MOVES = some.sampled_from(_mixed())
