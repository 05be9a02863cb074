# SPDX-License-Identifier: Apache-2.0
"""What one batch of the consumer of results works on, growing record by record."""

from dataclasses import dataclass, field
from typing import assert_never

from cairn.events.reevaluation import DueReached, EpochRaised
from cairn.events.result import ResultRecorded, ResultRetracted
from chassis.unit.unit import Unit
from services.assessment.app.arrival import Canonical
from services.assessment.app.facts import Facts, LearnerKey
from services.assessment.app.timers import FiringTimers
from services.assessment.domain.change import Emitted, Subject
from services.assessment.domain.mastery import Terms
from services.assessment.domain.results import Result, Retraction

Consumed = Canonical | DueReached | EpochRaised


@dataclass(slots=True)
class Fold:
    """What one batch works on."""

    unit: Unit
    facts: Facts
    timers: FiringTimers
    changed: dict[Subject, tuple[Emitted, int]] = field(default_factory=dict)
    results: list[tuple[LearnerKey, Result]] = field(default_factory=list)
    retractions: list[tuple[LearnerKey, Retraction]] = field(default_factory=list)

    def add(self, event: Canonical) -> bool:
        """Add the fact that an event states, to be folded now and stored at the end.

        False where it is known already.
        """
        key = event.tenant, event.learner
        match event:
            case ResultRecorded():
                result = fact_of(event)
                if not self.facts.add_result(key, result):
                    return False
                self.results.append((key, result))
            case ResultRetracted():
                retraction = Retraction(event.result_id, event.retracts)
                if not self.facts.add_retraction(key, retraction):
                    return False
                self.retractions.append((key, retraction))
            case _ as never:
                assert_never(never)
        return True

    def keep(self, subject: Subject, last: Emitted) -> None:
        """Keep what is last published of a subject, as concluded under the epoch that now holds."""
        epoch = self.unit.epoch(subject.tenant)
        self.facts.emitted[subject], self.facts.epochs[subject] = last, epoch
        self.changed[subject] = last, epoch

    def below(self, event: EpochRaised, subject: Subject, terms: Terms | None) -> bool:
        """Tell whether a subject stands below the epoch of a re-evaluation, or was never concluded.

        So does what was concluded under the epoch but of a day on which another version was in force.
        """
        if self.facts.epochs.get(subject, 0) < event.epoch:
            return True
        last = self.facts.emitted.get(subject)
        return terms is not None and last is not None and last.attainment.policy != terms.reference


def fact_of(event: ResultRecorded) -> Result:
    """Return what the fold sees of a result."""
    score = event.score
    return Result(
        event.result_id,
        event.activity,
        event.attempt,
        None if score is None else (score.raw, score.min, score.max),
        event.outcome,
        event.finality,
        event.integrity,
        event.carried_over,
        event.occurred_at,
        event.version,
        event.modified_at,
    )
