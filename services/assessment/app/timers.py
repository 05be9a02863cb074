# SPDX-License-Identifier: Apache-2.0
"""The timers of one batch: an attainment with an expiry lapses when its last day is over.

A timer fires before the first record of a later ``as_of`` is folded, however the records are cut
into batches. The facts of what will fire have to be loaded before the fold begins, so the stored
timers are taken ahead; one that an earlier record of the batch cancels does not fire after all.
"""

from collections.abc import Sequence
from typing import Any

from chassis.streams.message import Accepted
from chassis.unit.due import Due
from chassis.unit.unit import Unit
from services.assessment.app.facts import LearnerKey
from services.assessment.domain.change import Subject

LAPSE = "lapse"


class FiringTimers:
    """Which timers fire before which record."""

    def __init__(self, unit: Unit, accepted: Sequence[Accepted[Any]]) -> None:
        """Take what is stored and falls due within the batch."""
        self._unit = unit
        self._taken: dict[LearnerKey, list[Due]] = {}
        for each in accepted:
            for due in unit.fire(each):
                self._taken.setdefault((due.tenant, due.learner), []).append(due)

    @property
    def subjects(self) -> set[Subject]:
        """Whose attainments the stored timers are about."""
        return {_subject(due) for taken in self._taken.values() for due in taken}

    def fire(self, accepted: Accepted[Any]) -> list[Due]:
        """Return what falls due for the learner before this record, earliest first."""
        key = accepted.message.tenant, accepted.message.learner
        taken = self._taken.get(key, [])
        now = [due for due in taken if due.at <= accepted.as_of]
        if now:
            self._taken[key] = [due for due in taken if due.at > accepted.as_of]
        return sorted([*now, *self._unit.fire(accepted)])

    def put_back(self) -> None:
        """Leave what has not fired to the next record: that of this batch has to wait."""
        for taken in self._taken.values():
            for due in taken:
                self._unit.due(due)

    def cancel(self, subject: Subject) -> None:
        """Take back the subject's timer."""
        key = subject.tenant, subject.learner
        if key in self._taken:
            self._taken[key] = [due for due in self._taken[key] if _subject(due) != subject]
        self._unit.cancel_due(subject.tenant, subject.learner, LAPSE, subject.competency)

    def set(self, due: Due) -> None:
        """Set a timer."""
        self._unit.due(due)


def _subject(due: Due) -> Subject:
    return Subject(due.tenant, due.learner, due.ref)
