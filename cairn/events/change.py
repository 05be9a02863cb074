# SPDX-License-Identifier: Apache-2.0
"""Events that state a change count their revisions, so that a gap and a repeat show (design section 4).

Facts, such as results, state none: they need no order.
"""

from typing import NamedTuple

from cairn.events.attainment import AttainmentChanged
from cairn.events.decision import DecisionMade
from cairn.events.skipped import SkippedAttainment, SkippedDecision


class Change(NamedTuple):
    """What an event changes of its learner, and which change of it this is, from 1."""

    subject: str
    revision: int

    def comes_before(self, other: "Change") -> bool:
        """Tell whether it is an earlier change of the same thing."""
        return self.subject == other.subject and self.revision < other.revision


def change_of(event: object) -> Change | None:
    """Return what an event says that it changes; None for a fact."""
    match event:
        case AttainmentChanged() | SkippedAttainment():
            return Change(event.competency, event.revision)
        case DecisionMade() | SkippedDecision():
            return Change(event.credential, event.revision)
        case _:
            return None
