# SPDX-License-Identifier: Apache-2.0
"""Three-valued answers: of what a rule asks directly, and of what it makes of them (I11)."""

from collections.abc import Callable, Iterable, Mapping

from cairn.amounts import wire_score
from cairn.events.attainment import AttainmentStatus
from cairn.events.explanation import Answer
from services.recognition.domain.facts import Attainment, Standing
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

OF_STANDING = {Standing.HELD: Answer.MET, Standing.UNCERTAIN: Answer.UNKNOWN, Standing.NONE: Answer.NOT_MET}

Answers = Mapping[str, Answer]


def competency_answer(asked: Competency, attainment: Attainment | None) -> Answer:
    """Answer whether a competency is demonstrated as asked; what was never attempted is not met."""
    if attainment is None:
        return Answer.NOT_MET
    if attainment.status is AttainmentStatus.UNKNOWN:
        return Answer.UNKNOWN
    if attainment.status is not AttainmentStatus.DEMONSTRATED:
        return Answer.NOT_MET
    if asked.min_score is None:
        return Answer.MET
    if attainment.score is None:
        return Answer.UNKNOWN
    return Answer.MET if attainment.score >= wire_score(asked.min_score) else Answer.NOT_MET


def fact_answers(
    asked: Iterable[Competency | HeldCredential],
    attainments: Mapping[str, Attainment],
    standing: Callable[[str], Standing],
) -> dict[str, Answer]:
    """Answer, by requirement, what facts answer on their own."""
    found: dict[str, Answer] = {}
    for requirement in asked:
        match requirement:
            case Competency():
                found[requirement.id] = competency_answer(
                    requirement, attainments.get(requirement.competency)
                )
            case HeldCredential():
                found[requirement.id] = OF_STANDING[standing(requirement.credential)]
    return found


def combine(need: int, answers: Iterable[Answer]) -> Answer:
    """Answer whether at least ``need`` are met: unknown where it hangs on those that are unknown."""
    met = unknown = 0
    for answer in answers:
        met += answer is Answer.MET
        unknown += answer is Answer.UNKNOWN
    if met >= need:
        return Answer.MET
    return Answer.UNKNOWN if met + unknown >= need else Answer.NOT_MET


def answer_of(requirement: Requirement, leaves: Answers) -> Answer:
    """Answer a requirement from the answers of its leaves."""
    match requirement:
        case AllOf() | AnyOf() | NOf():
            below = (answer_of(child, leaves) for child in children_of(requirement))
            return combine(threshold(requirement), below)
        case Competency() | HeldCredential() | Credits():
            return leaves[requirement.id]
