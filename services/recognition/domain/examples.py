# SPDX-License-Identifier: Apache-2.0
"""The examples of a rule, run as its author wrote them: none may fail when the rule is published.

An example supposes attainments and held credentials and nothing else. The rule is evaluated alone:
the supposed credentials give the credit that the rules of the tenant give them.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction

from cairn.events.decision import Credit
from cairn.events.explanation import Answer, RuleReference
from services.recognition.domain.allocation import Allocator
from services.recognition.domain.canonical import RuleVersion
from services.recognition.domain.document import Fault
from services.recognition.domain.effective import EffectiveRules
from services.recognition.domain.evaluation import Evaluation
from services.recognition.domain.facts import Attainment, Award, AwardState, Facts
from services.recognition.domain.rule import Example, GivenAttainment, SupposedAward

_STATES = {"held": AwardState.CONFERRED, "under_review": AwardState.UNDER_REVIEW}
_NO_RULE = RuleReference(rule="example", version=1, hash="0" * 64)

CreditGiven = Mapping[str, tuple[Credit, ...]]


def failing_examples(version: RuleVersion, given: CreditGiven, allocator: Allocator) -> Iterator[Fault]:
    """Run the examples of a rule; ``given`` says what credit each credential gives."""
    rules = EffectiveRules([version])
    for number, example in enumerate(version.rule.examples):
        evaluation = Evaluation(rules, _facts(example, given), allocator)
        evaluation.run((0,))
        answer = evaluation.verdicts[0].answer
        if answer is not example.expect:
            reason = f"the example expects {example.expect.value} and the rule answers {answer.value}"
            yield Fault(f"examples[{number}].expect", reason)


def _facts(example: Example, given: CreditGiven) -> Facts:
    attainments = {one.competency: _attainment(one) for one in example.given.competencies}
    awards = {one.credential: _award(one, given.get(one.credential, ())) for one in example.given.credentials}
    return Facts(attainments, awards)


def _attainment(given: GivenAttainment) -> Attainment:
    return Attainment(given.competency, given.status, _score(given.score), None, "example", 1)


def _award(given: SupposedAward, credits_given: tuple[Credit, ...]) -> Award:
    return Award(
        credential=given.credential,
        state=_STATES[given.standing],
        answer=Answer.MET,
        revision=1,
        decision_id="example",
        rule=_NO_RULE,
        epoch=0,
        credits=credits_given,
        allotments=(),
        effective_on=date.min,
    )


def _score(score: Fraction | None) -> Decimal | None:
    return None if score is None else Decimal(score.numerator) / Decimal(score.denominator)
