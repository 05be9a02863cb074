# SPDX-License-Identifier: Apache-2.0
"""The explanation of a verdict: the rule's own tree, with what was found at each requirement.

Made only when something is decided, and always in agreement with the verdict: both answer leaves
and combine them by the same functions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from cairn.events.explanation import Answer, Finding
from services.recognition.domain import wording
from services.recognition.domain.answers import combine
from services.recognition.domain.effective import EffectiveRule
from services.recognition.domain.evaluation import Verdict
from services.recognition.domain.explain_credit import CreditSeen, explain_credit
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


def explain(rule: EffectiveRule, verdict: Verdict, seen: CreditSeen, facts: Facts) -> Finding:
    """Explain a verdict; ``facts`` hold the awards as they now stand."""
    credit = explain_credit(rule, verdict, seen, facts.awards)
    return _Explaining(facts, verdict, credit).finding(rule.rule.requirement)


def grounds_of(finding: Finding) -> frozenset[str]:
    """Return the ids of the events that a finding follows from.

    They are the grounds of the requirements that answered as the whole did: those met for what is
    met, those lacking for what is not.
    """
    return frozenset(_grounds(finding))


def _grounds(finding: Finding) -> Iterator[str]:
    yield from finding.grounds
    for child in finding.children:
        if child.answer is finding.answer:
            yield from _grounds(child)


@dataclass(frozen=True, slots=True)
class _Explaining:
    facts: Facts
    verdict: Verdict
    credit: Mapping[str, Finding]

    def finding(self, requirement: Requirement) -> Finding:
        match requirement:
            case AllOf() | AnyOf() | NOf():
                return self._of_choice(requirement)
            case Competency():
                return self._of_competency(requirement)
            case HeldCredential():
                return self._of_credential(requirement)
            case Credits():
                return self.credit[requirement.id]

    def _of_choice(self, requirement: AllOf | AnyOf | NOf) -> Finding:
        children = tuple(self.finding(child) for child in children_of(requirement))
        answers = [child.answer for child in children]
        need = threshold(requirement)
        return Finding(
            requirement=requirement.id,
            kind="all"
            if isinstance(requirement, AllOf)
            else "any"
            if isinstance(requirement, AnyOf)
            else "n_of",
            title=requirement.title,
            answer=combine(need, answers),
            have=Fraction(answers.count(Answer.MET)),
            need=Fraction(need),
            note=wording.of_choice(need, answers),
            children=children,
        )

    def _of_competency(self, requirement: Competency) -> Finding:
        attainment = self.facts.attainments.get(requirement.competency)
        answer = self.verdict.leaves[requirement.id]
        return Finding(
            requirement=requirement.id,
            kind="competency",
            title=requirement.title,
            answer=answer,
            subject=requirement.competency,
            grounds=() if attainment is None else (attainment.event_id,),
            note=wording.of_competency(requirement, attainment, answer),
        )

    def _of_credential(self, requirement: HeldCredential) -> Finding:
        award = self.facts.awards.get(requirement.credential)
        return Finding(
            requirement=requirement.id,
            kind="credential",
            title=requirement.title,
            answer=self.verdict.leaves[requirement.id],
            subject=requirement.credential,
            grounds=() if award is None else (award.decision_id,),
            note=wording.of_award(award),
        )
