# SPDX-License-Identifier: Apache-2.0
"""Rules and learners for the tests of recognition."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from cairn.events.attainment import AttainmentStatus
from cairn.events.decision import DecisionMade
from cairn.ids import LearnerId, TenantId
from services.recognition.domain.canonical import RuleVersion, canonical_version
from services.recognition.domain.decision import Occasion
from services.recognition.domain.document import read_rule
from services.recognition.domain.effective import EffectiveRules
from services.recognition.domain.facts import Attainment, Award, Facts
from services.recognition.domain.plain import PlainAllocator
from services.recognition.domain.recognise import recognise

TODAY = date(2026, 1, 31)
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
Raw = dict[str, Any]


def competency(name: str) -> str:
    return f"https://example.org/competencies/{name}"


def document(slug: str, requirement: Raw, *, cats: int = 60, **more: Any) -> Raw:
    credential = {
        "id": slug,
        "title": slug.title(),
        "kind": "micro_credential",
        "credits": [{"amount": cats, "system": "cats", "level": "4"}] if cats else [],
    }
    credential |= more.pop("credential", {})
    return {"rule": slug, "version": 1, "credential": credential, "requirement": requirement, **more}


def version(slug: str, requirement: Raw, **more: Any) -> RuleVersion:
    return canonical_version(read_rule(document(slug, requirement, **more)))


def wants(name: str) -> Raw:
    return {"id": f"c-{name}", "competency": competency(name)}


def holds(credential: str) -> Raw:
    return {"id": f"h-{credential}", "credential": credential}


def credits_of(identity: str, amount: int, *sources: str) -> Raw:
    return {"id": identity, "credits": {"amount": amount, "system": "cats", "from": list(sources)}}


def attained(
    name: str, status: AttainmentStatus = AttainmentStatus.DEMONSTRATED, revision: int = 1
) -> Attainment:
    uri = competency(name)
    score = Decimal("0.5") if status is AttainmentStatus.DEMONSTRATED else None
    return Attainment(uri, status, score, date(2025, 6, revision), f"event-{name}-{revision}", revision)


@dataclass
class Record:
    """One learner: facts come in one by one, decisions come out."""

    rules: EffectiveRules
    attainments: dict[str, Attainment] = field(default_factory=dict)
    awards: dict[str, Award] = field(default_factory=dict)
    decisions: list[DecisionMade] = field(default_factory=list)

    def learn(self, *facts: Attainment) -> list[DecisionMade]:
        made: list[DecisionMade] = []
        for fact in facts:
            self.attainments[fact.competency] = fact
            made += self.evaluate(self.rules.reading(fact.competency))
        return made

    def evaluate(self, numbers: Iterable[int]) -> list[DecisionMade]:
        occasion = Occasion(TenantId("t"), LearnerId("l"), NOW, TODAY, 1)
        facts = Facts(self.attainments, self.awards)
        found = recognise(occasion, self.rules, facts, numbers, PlainAllocator())
        self.awards |= {award.credential: award for award in found.awards}
        self.decisions += found.decisions
        return list(found.decisions)


def said(decisions: Iterable[DecisionMade]) -> list[tuple[str, str]]:
    return [(one.credential, one.kind.value) for one in decisions]
