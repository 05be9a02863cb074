# SPDX-License-Identifier: Apache-2.0
"""The life of an award: what a determination does to it.

An award that was conferred is never withdrawn here: it goes under review, and a person decides.
An award whose determination holds is in good standing again, whatever happened in between (I4).
"""

from enum import StrEnum

from cairn.events.decision import DecisionKind
from cairn.events.explanation import Answer
from services.recognition.domain.facts import AwardState


class Reason(StrEnum):
    """Why a decision was made, where it is not a plain conferral."""

    REQUIREMENTS_MET = "requirements_met"
    ANSWER_UNKNOWN = "answer_unknown"
    GROUNDS_LOST = "grounds_lost"
    GROUNDS_UNKNOWN = "grounds_unknown"
    GROUNDS_RESTORED = "grounds_restored"
    CREDIT_MOVED = "credit_moved"
    REQUIREMENTS_NOT_MET = "requirements_not_met"


def next_decision(
    state: AwardState | None, answer: Answer, *, automatic: bool, moved: bool
) -> DecisionKind | None:
    """Return what a determination does to an award in this state; None if it leaves it as it stands.

    ``automatic`` says that no person has to confer; ``moved`` that a standing award now rests on
    other credit, or gives other credit, than before.
    """
    match state:
        case None | AwardState.WITHDRAWN:
            return _first(answer, automatic=automatic)
        case AwardState.PROPOSED | AwardState.REFERRED:
            if answer is Answer.NOT_MET:
                return DecisionKind.WITHDRAWN
            wanted = _first(answer, automatic=automatic)
            return None if wanted is not None and wanted == state.value else wanted
        case AwardState.CONFERRED | AwardState.UPHELD:
            if answer is not Answer.MET:
                return DecisionKind.UNDER_REVIEW
            return DecisionKind.REALLOTTED if moved else None
        case AwardState.UNDER_REVIEW:
            return DecisionKind.UPHELD if answer is Answer.MET else None


def _first(answer: Answer, *, automatic: bool) -> DecisionKind | None:
    match answer:
        case Answer.MET:
            return DecisionKind.CONFERRED if automatic else DecisionKind.PROPOSED
        case Answer.UNKNOWN:
            return DecisionKind.REFERRED
        case Answer.NOT_MET:
            return None


_STATES = {
    DecisionKind.PROPOSED: AwardState.PROPOSED,
    DecisionKind.REFERRED: AwardState.REFERRED,
    DecisionKind.CONFERRED: AwardState.CONFERRED,
    DecisionKind.UNDER_REVIEW: AwardState.UNDER_REVIEW,
    DecisionKind.UPHELD: AwardState.UPHELD,
    DecisionKind.WITHDRAWN: AwardState.WITHDRAWN,
}

_REASONS = {
    DecisionKind.PROPOSED: Reason.REQUIREMENTS_MET,
    DecisionKind.REFERRED: Reason.ANSWER_UNKNOWN,
    DecisionKind.REALLOTTED: Reason.CREDIT_MOVED,
    DecisionKind.UPHELD: Reason.GROUNDS_RESTORED,
    DecisionKind.WITHDRAWN: Reason.REQUIREMENTS_NOT_MET,
}


def state_after(state: AwardState | None, kind: DecisionKind) -> AwardState:
    """Return the state of an award after a decision; moving credit leaves it where it stands."""
    if kind is DecisionKind.REALLOTTED and state is not None:
        return state
    return _STATES[kind]


def reason_of(kind: DecisionKind, answer: Answer) -> Reason | None:
    """Return the reason that a decision gives; a conferral needs none."""
    if kind is DecisionKind.UNDER_REVIEW:
        return Reason.GROUNDS_UNKNOWN if answer is Answer.UNKNOWN else Reason.GROUNDS_LOST
    return _REASONS.get(kind)
