# SPDX-License-Identifier: Apache-2.0
"""From which day the requirements of a met rule were met: what is true in effect, not what was known when.

A competency counts from the day on which it was achieved, an award from its own effective day; all
of several from the last, n of several from the n-th. A function of the facts and not of their arrival.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from cairn.events.explanation import Answer
from services.recognition.domain.answers import answer_of
from services.recognition.domain.facts import Facts
from services.recognition.domain.requirement import (
    AllOf,
    AnyOf,
    Competency,
    Credits,
    HeldCredential,
    NOf,
    Requirement,
    children_of,
    threshold,
)


@dataclass(frozen=True, slots=True)
class Since:
    """What is needed to date a requirement: the answers of all leaves, and which credentials each counts."""

    facts: Facts
    leaves: Mapping[str, Answer]
    counted: Mapping[str, tuple[str, ...]]
    today: date

    def met_since(self, requirement: Requirement) -> date:
        """Return the day from which a met requirement is met; never later than today."""
        match requirement:
            case AllOf() | AnyOf() | NOf():
                met = [
                    child for child in children_of(requirement) if answer_of(child, self.leaves) is Answer.MET
                ]
                return sorted(self.met_since(child) for child in met)[threshold(requirement) - 1]
            case Competency():
                attainment = self.facts.attainments[requirement.competency]
                return min(attainment.achieved_on or self.today, self.today)
            case HeldCredential():
                return min(self.facts.awards[requirement.credential].effective_on, self.today)
            case Credits():
                counted = self.counted.get(requirement.id, ())
                days = (self.facts.awards[credential].effective_on for credential in counted)
                return min(max(days, default=self.today), self.today)
