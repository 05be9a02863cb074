# SPDX-License-Identifier: Apache-2.0
"""Single histories, told step by step: those that chance hardly ever finds.

Each loses or doubles a record under the one defect, and does neither without.
"""

from collections.abc import Callable

import pytest

from tests.model.group import Group
from tests.model.stages import ASSESSMENT
from tests.model.values import Defect
from tests.model.worker import Worker
from tests.model.world import World

AT = ASSESSMENT.sources[0]


def position_kept_after_a_loss(group: Group) -> None:
    """Drop a zombie's batch, and let it poll on behind it."""
    one, other = group.workers
    one.poll(2)
    group.give(AT, 1, told=False)
    other.poll(1)
    _finish(other)
    _finish(one)
    one.poll(2)
    _finish(one)


def half_of_a_lost_batch(group: Group) -> None:
    """Halve a batch, drop the first half, and claim the partition again before the second."""
    one, other = group.workers
    one.poll(4)
    one.advance()
    one.retry(halve=True)
    group.give(AT, 1, told=False)
    other.poll(1)
    _finish(other)
    while one.advance() is not None:
        pass
    group.give(AT, 0, told=True)
    _finish(one)


def two_polls_over_an_assignment(group: Group) -> None:
    """Gather a batch by two polls, between which the partition is set back to its progress."""
    one, _ = group.workers
    one.poll(3)
    group.give(AT, 0, told=True)
    one.poll(1)
    _finish(one)


def a_record_left_out(group: Group) -> None:
    """Leave a record out between two batches."""
    group.restart(0, seeks=False)
    one, _ = group.workers
    one.poll(1)
    _finish(one)
    one.leave_out()
    one.poll(1)
    _finish(one)


def a_release_in_the_midst_of_a_unit(group: Group) -> None:
    """Assign a partition anew while a unit is under way, and leave out its record and the next."""
    group.restart(0, seeks=False)
    one, _ = group.workers
    one.poll(1)
    one.advance()
    group.give(AT, 0, told=True)
    _finish(one)
    one.leave_out()
    one.leave_out()
    one.poll(1)
    _finish(one)


STORIES = {
    Defect.ADOPTED_PROGRESS: position_kept_after_a_loss,
    Defect.HALF_OF_LOST_BATCH: half_of_a_lost_batch,
    Defect.HOLES_PASSED: a_record_left_out,
    Defect.REMEMBERED_AFTER_RELEASE: a_release_in_the_midst_of_a_unit,
    Defect.REPEATS_IN_BATCH: two_polls_over_an_assignment,
}


@pytest.mark.parametrize(
    ("defect", "story"), STORIES.items(), ids=[defect.name.lower() for defect in STORIES]
)
def test_a_story_ends_well_but_for_its_defect(defect: Defect, story: Callable[[Group], None]) -> None:
    _tell(Defect.NONE, story)
    with pytest.raises(AssertionError, match="is the next offset"):
        _tell(defect, story)


def _tell(defect: Defect, story: Callable[[Group], None]) -> None:
    world = World(defect)
    for _ in range(4):
        world.broker.append(AT, None)
    story(world.groups[0])
    world.check()
    world.end()


def _finish(worker: Worker) -> None:
    while worker.busy:
        worker.advance()
