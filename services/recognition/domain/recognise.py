# SPDX-License-Identifier: Apache-2.0
"""From a change of one learner's facts to the decisions that follow: evaluate, then decide award by award.

Pure: the same facts, rules and as-of time give the same bytes of decision and explanation (I5).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from cairn.events.decision import DecisionKind, DecisionMade
from cairn.events.explanation import Allotment, Answer
from services.recognition.domain.allocation import Allocator
from services.recognition.domain.decision import Determined, Occasion, make_decision
from services.recognition.domain.effective import EffectiveRule, EffectiveRules
from services.recognition.domain.evaluation import Evaluation, Verdict
from services.recognition.domain.explain import explain
from services.recognition.domain.explain_credit import credit_seen
from services.recognition.domain.facts import Award, Facts, Standing
from services.recognition.domain.life import next_decision, state_after
from services.recognition.domain.sequence import in_sequence
from services.recognition.domain.since import Since

# What happens to an award that is there already: it counts from its own day, the change from today.
_KEEPS_ITS_DAY = frozenset((DecisionKind.REALLOTTED, DecisionKind.UNDER_REVIEW, DecisionKind.UPHELD))


@dataclass(frozen=True, slots=True)
class Recognised:
    """The awards that are to be stored anew, and the decisions in the order in which they take effect."""

    awards: tuple[Award, ...]
    decisions: tuple[DecisionMade, ...]


NOTHING_NEW = Recognised((), ())


def recognise(
    occasion: Occasion, rules: EffectiveRules, facts: Facts, numbers: Iterable[int], allocator: Allocator
) -> Recognised:
    """Evaluate these rules and what rests on them, and decide what that does to the learner's awards."""
    evaluation = Evaluation(rules, facts, allocator)
    evaluation.run(numbers)
    deciding = _Deciding(occasion, evaluation, facts, dict(facts.awards))
    for number in sorted(evaluation.verdicts):
        deciding.settle(number, rules.rules[number], evaluation.verdicts[number])
    if not deciding.changed:
        return NOTHING_NEW
    return Recognised(tuple(deciding.changed), in_sequence(deciding.decisions, facts.awards))


class _Deciding:
    """The awards of one learner while they are decided one after the other."""

    def __init__(
        self, occasion: Occasion, evaluation: Evaluation, facts: Facts, awards: dict[str, Award]
    ) -> None:
        self.changed: list[Award] = []
        self.decisions: list[DecisionMade] = []
        self._occasion = occasion
        self._evaluation = evaluation
        self._before = facts.awards
        self._awards = awards
        self._facts = Facts(facts.attainments, awards)

    def settle(self, number: int, rule: EffectiveRule, verdict: Verdict) -> None:
        """Decide what a verdict does to the award."""
        before = self._awards.get(rule.credential)
        allotments = allotments_of(number, verdict, self._evaluation)
        moved = before is not None and (before.allotments, before.credits) != (allotments, rule.credits)
        state = None if before is None else before.state
        kind = next_decision(state, verdict.answer, automatic=rule.automatic, moved=moved)
        if kind is not None:
            self._keep(self._decide(number, rule, kind, before))
        elif before is not None:
            after = replace(
                before,
                answer=verdict.answer,
                rule=rule.reference,
                epoch=self._occasion.epoch,
                credits=rule.credits,
                allotments=allotments,
            )
            if after != before:
                self._keep(after)

    def _keep(self, award: Award) -> None:
        self._awards[award.credential] = award
        self.changed.append(award)

    def _decide(self, number: int, rule: EffectiveRule, kind: DecisionKind, before: Award | None) -> Award:
        verdict = self._evaluation.verdicts[number]
        allotments = allotments_of(number, verdict, self._evaluation)
        since = self._since(rule, verdict, allotments)
        kept = before is not None and kind in _KEEPS_ITS_DAY
        made = make_decision(
            self._occasion,
            Determined(
                rule,
                verdict.answer,
                explain(rule, verdict, credit_seen(number, self._evaluation), self._facts),
                allotments,
                self._occasion.day if kept else since,
            ),
            kind,
            before,
        )
        self.decisions.append(made)
        return Award(
            credential=rule.credential,
            state=state_after(None if before is None else before.state, kind),
            answer=verdict.answer,
            revision=made.revision,
            decision_id=made.decision_id,
            rule=rule.reference,
            epoch=self._occasion.epoch,
            credits=rule.credits,
            allotments=allotments,
            effective_on=before.effective_on if before is not None and kept else since,
        )

    def _since(self, rule: EffectiveRule, verdict: Verdict, allotments: tuple[Allotment, ...]) -> date:
        if verdict.answer is not Answer.MET or self._let_go_now(rule.credential, allotments):
            return self._occasion.day
        counted: dict[str, tuple[str, ...]] = {}
        for one in allotments:
            counted[one.requirement] = (*counted.get(one.requirement, ()), one.credential)
        leaves = (
            dict.fromkeys(rule.demands, Answer.NOT_MET) | verdict.leaves | dict.fromkeys(counted, Answer.MET)
        )
        return Since(self._facts, leaves, counted, self._occasion.day).met_since(rule.rule.requirement)

    def _let_go_now(self, credential: str, allotments: tuple[Allotment, ...]) -> bool:
        """Tell whether another award in good standing counted some of this credit until this change.

        It counts here from the day of the change and no earlier: on no day is a credit in two awards (I6).
        """
        others = (
            one
            for one in self._before.values()
            if one.credential != credential and one.standing is Standing.HELD
        )
        counted = {allotment.credential for one in others for allotment in one.allotments}
        return any(one.credential in counted for one in allotments)


def allotments_of(number: int, verdict: Verdict, evaluation: Evaluation) -> tuple[Allotment, ...]:
    """Return the use of each credit that a met rule counts."""
    if verdict.claim is None:
        return ()
    return tuple(
        Allotment(
            requirement=use.demand.requirement,
            credential=use.item.credential,
            amount=credit.amount,
            system=credit.system,
            level=credit.level,
        )
        for use in evaluation.allocation(number).uses
        if use.demand.rule == verdict.claim.rule
        for credit in use.demand.counting(use.item)
    )
