# SPDX-License-Identifier: Apache-2.0
"""The sentences of an explanation, for a registrar; none of them says who, when or with what score."""

from fractions import Fraction
from typing import assert_never

from cairn.events.attainment import AttainmentStatus
from cairn.events.explanation import Answer
from services.recognition.domain.facts import Attainment, Award, AwardState
from services.recognition.domain.requirement import Competency

_OF_STATUS = {
    AttainmentStatus.PARTIALLY_ATTEMPTED: (
        "A part of what this competency needs has been assessed, and not yet enough of it."
    ),
    AttainmentStatus.ATTEMPTED_NOT_DEMONSTRATED: "The competency was attempted and is not demonstrated.",
    AttainmentStatus.LAPSED: "The competency was demonstrated and has lapsed since.",
    AttainmentStatus.WITHDRAWN: "The results for this competency have been taken back.",
    AttainmentStatus.UNKNOWN: (
        "The results for this competency contradict each other; a person has to decide which of them counts."
    ),
}


def of_competency(asked: Competency, attainment: Attainment | None, answer: Answer) -> str:
    """Say why a competency is found met, not met or unknown."""
    if attainment is None:
        return "Nothing has been assessed for this competency yet."
    if attainment.status is AttainmentStatus.DEMONSTRATED:
        return _of_demonstrated(asked, answer)
    return _OF_STATUS[attainment.status]


def _of_demonstrated(asked: Competency, answer: Answer) -> str:
    if asked.min_score is None:
        return "The competency is demonstrated."
    match answer:
        case Answer.MET:
            return "The competency is demonstrated with the score that is asked for."
        case Answer.NOT_MET:
            return "The competency is demonstrated, with less than the score that is asked for."
        case Answer.UNKNOWN:
            return "The competency is demonstrated without a score; a person has to decide about it."


def of_award(award: Award | None) -> str:
    """Say why a credential is found held, not held or uncertain."""
    if award is None:
        return "The credential is not held."
    match award.state:
        case AwardState.CONFERRED | AwardState.UPHELD:
            return "The credential is held in good standing."
        case AwardState.UNDER_REVIEW:
            return "The credential is under review."
        case AwardState.REFERRED:
            return "A person has still to decide about this credential."
        case AwardState.PROPOSED:
            return "The credential has been proposed and is not conferred yet."
        case AwardState.WITHDRAWN:
            return "The credential is not held."
        case never:
            assert_never(never)


def of_choice(need: int, answers: list[Answer]) -> str:
    """Say how many requirements are met, and how many are needed."""
    met = answers.count(Answer.MET)
    unknown = answers.count(Answer.UNKNOWN)
    said = f"{met} of {len(answers)} {_are(met)} met; {need} {_are(need)} needed"
    return f"{said}, and {unknown} {_are(unknown)} not known." if unknown else f"{said}."


def of_counted_credit(amount: Fraction, system: str, credentials: int) -> str:
    """Say that credit is counted here."""
    held = "credential" if credentials == 1 else "credentials"
    return f"{amount} {system} of {credentials} {held} held is counted here, and nowhere else."


def of_free_credit(need: Fraction, free: Fraction, used: Fraction, uncertain: Fraction) -> str:
    """Say how much credit there is to count, and where the rest of it is."""
    said = f"{free} of {need} is there to be counted here"
    if used:
        said += f"; {used} is counted for something else"
    if uncertain:
        said += f"; {uncertain} is under review or not decided yet"
    return said + "."


UNDECIDED = "There are too many ways to combine this credit for an automatic answer; a person has to decide."


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
