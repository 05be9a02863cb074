# SPDX-License-Identifier: Apache-2.0
"""What the rules find met now: a function of the facts, whatever order they came in (I4).

Rules are evaluated in the order in which awards feed awards. A rule whose answer leaves its award
as it stood is not followed any further, so a change costs what it reaches. Rules that compete for
credit are evaluated together, and one later in the order never takes what an earlier one needs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush

from cairn.events.decision import Credit
from cairn.events.explanation import Answer
from services.recognition.domain.allocation import Allocation, Allocator, Claim, Item
from services.recognition.domain.answers import answer_of, fact_answers
from services.recognition.domain.effective import EffectiveRule, EffectiveRules
from services.recognition.domain.facts import AwardState, Facts, Standing
from services.recognition.domain.steps import Steps, TooManySteps
from services.recognition.domain.ways import Way, ways

MOST_STEPS = 20_000

CERTAIN = frozenset((Answer.MET,))
POSSIBLE = frozenset((Answer.MET, Answer.UNKNOWN))
NOTHING = Allocation(frozenset(), frozenset(), (), ())

_STANDING_OR_REVIEWED = frozenset((AwardState.CONFERRED, AwardState.UPHELD, AwardState.UNDER_REVIEW))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of one rule, with the answers of its leaves.

    ``claim`` is what a met rule claims of the learner's credit; ``hanging`` are the demands that
    the answer hangs on where it is unknown; ``undecided`` says that it was too many steps away.
    """

    answer: Answer
    leaves: dict[str, Answer]
    claim: Claim | None = None
    hanging: frozenset[str] = frozenset()
    undecided: bool = False


class Evaluation:
    """One evaluation of one learner's rules; used once."""

    def __init__(self, rules: EffectiveRules, facts: Facts, allocator: Allocator) -> None:
        """Begin with the standing of the awards as stored."""
        self.rules = rules
        self.verdicts: dict[int, Verdict] = {}
        self._facts = facts
        self._allocator = allocator
        self._standing: dict[str, Standing] = {}
        self._allocations: dict[tuple[int, ...], Allocation] = {}
        # An award stands although no version of its rule is in force, and what it rests on stays with it.
        self._spent = {
            allotment.credential
            for award in facts.awards.values()
            if award.credential not in rules.at and award.state in _STANDING_OR_REVIEWED
            for allotment in award.allotments
        }

    def run(self, numbers: Iterable[int]) -> None:
        """Evaluate these rules, and then whatever rests on an award whose standing has changed."""
        queue: list[int] = []
        waiting: set[int] = set()

        def call(wanted: Iterable[int], after: int = -1) -> None:
            for number in wanted:
                for one in self.rules.mates(number) or (number,):
                    # What comes earlier in the order cannot rest on what comes later.
                    if one not in waiting and (one > after or one not in self.verdicts):
                        waiting.add(one)
                        heappush(queue, one)

        call(numbers)
        while queue:
            number = heappop(queue)
            waiting.discard(number)
            rule = self.rules.rules[number]
            mates = self.rules.mates(number)
            if mates and mates[0] == number:
                self._allocations.pop(mates, None)
            verdict = self.verdicts[number] = self._verdict(number, rule)
            if self._settle(rule, verdict.answer):
                call(self.rules.resting_on(rule.credential), number)

    def standing(self, credential: str) -> Standing:
        """Return what an award is worth, as far as the evaluation has come."""
        settled = self._standing.get(credential)
        if settled is not None:
            return settled
        award = self._facts.awards.get(credential)
        return Standing.NONE if award is None else award.standing

    def credits(self, credential: str) -> tuple[Credit, ...]:
        """Return the credit of an award: by the rule in force, or else as it was conferred."""
        number = self.rules.at.get(credential)
        if number is not None:
            return self.rules.rules[number].credits
        award = self._facts.awards.get(credential)
        return () if award is None else award.credits

    def allocation(self, number: int) -> Allocation:
        """Return how credit is allotted among the rules that compete with this one, itself among them."""
        return self._allocations.get(self.rules.mates(number), NOTHING)

    def items(self, number: int, standing: Standing) -> list[Item]:
        """Return the awards of this standing whose credit a rule or its competitors may use."""
        sources = {source for mate in self.rules.mates(number) for source in self.rules.rules[mate].sources}
        return [
            Item(source, self.credits(source))
            for source in sorted(sources - self._spent)
            if self.standing(source) is standing
        ]

    def _settle(self, rule: EffectiveRule, answer: Answer) -> bool:
        """Note the standing that an answer gives the award; tell whether another rule may see it."""
        award = self._facts.awards.get(rule.credential)
        before = self.standing(rule.credential)
        first = rule.credential not in self._standing
        now = standing_after(None if award is None else award.state, answer, automatic=rule.automatic)
        self._standing[rule.credential] = now
        return now is not before or (first and award is not None and award.credits != rule.credits)

    def _verdict(self, number: int, rule: EffectiveRule) -> Verdict:
        leaves = fact_answers(rule.asked, self._facts.attainments, self.standing)
        if not rule.demands:
            return Verdict(answer_of(rule.rule.requirement, leaves), leaves)
        for credit, final in ((Answer.NOT_MET, Answer.MET), (Answer.MET, Answer.NOT_MET)):
            # Met without any credit, or not met with all of it: then no credit has to be allotted.
            if answer_of(rule.rule.requirement, leaves | dict.fromkeys(rule.demands, credit)) is final:
                return Verdict(final, leaves)
        try:
            return self._with_credit(number, rule, leaves)
        except TooManySteps:
            return _undecided(rule, leaves)

    def _with_credit(self, number: int, rule: EffectiveRule, leaves: dict[str, Answer]) -> Verdict:
        steps = Steps(MOST_STEPS)
        claim = _claim(rule, ways(rule.rule.requirement, leaves, CERTAIN, steps))
        held = self.items(number, Standing.HELD)
        if claim.ways:
            allocation = self._allocator.allocate((*self._claims(number), claim), held)
            if claim.rule in allocation.satisfied:
                self._allocations[self.rules.mates(number)] = allocation
                return Verdict(Answer.MET, leaves, claim)
            if claim.rule in allocation.undecided:
                return _undecided(rule, leaves)
        return self._hopeful(number, rule, leaves, ways(rule.rule.requirement, leaves, POSSIBLE, steps))

    def _hopeful(
        self, number: int, rule: EffectiveRule, leaves: dict[str, Answer], possible: tuple[Way, ...]
    ) -> Verdict:
        """Answer unknown if what is unknown could meet the rule, and not met if even that could not.

        What an uncertain award would itself claim is left out of account: that errs towards a person (I11).
        """
        if frozenset() in possible:
            return Verdict(Answer.UNKNOWN, leaves)
        uncertain = self.items(number, Standing.UNCERTAIN)
        unknown = Answer.UNKNOWN in leaves.values()
        if not possible or not (uncertain or unknown):
            return Verdict(Answer.NOT_MET, leaves)
        claim = _claim(rule, possible)
        items = [*self.items(number, Standing.HELD), *uncertain]
        allocation = self._allocator.allocate((*self._claims(number), claim), items)
        if claim.rule in allocation.undecided:
            return _undecided(rule, leaves)
        if claim.rule not in allocation.satisfied:
            return Verdict(Answer.NOT_MET, leaves)
        hanging = frozenset(one.requirement for one in allocation.chosen if one.rule == claim.rule)
        return Verdict(Answer.UNKNOWN, leaves, hanging=hanging)

    def _claims(self, number: int) -> list[Claim]:
        """Return the claims already satisfied among the rules that compete with this one."""
        before = (self.verdicts.get(mate) for mate in self.rules.mates(number) if mate < number)
        return [verdict.claim for verdict in before if verdict is not None and verdict.claim is not None]


def standing_after(state: AwardState | None, answer: Answer, *, automatic: bool) -> Standing:
    """Return what an award is worth once a determination has taken its effect."""
    conferred = state in _STANDING_OR_REVIEWED
    match answer:
        case Answer.MET:
            return Standing.HELD if automatic or conferred else Standing.NONE
        case Answer.UNKNOWN:
            return Standing.UNCERTAIN
        case Answer.NOT_MET:
            return Standing.UNCERTAIN if conferred else Standing.NONE


def _claim(rule: EffectiveRule, found: Iterable[Way]) -> Claim:
    demands = rule.demands
    return Claim(
        rule.rule.rule,
        tuple(tuple(demand for name, demand in demands.items() if name in way) for way in found),
    )


def _undecided(rule: EffectiveRule, leaves: dict[str, Answer]) -> Verdict:
    return Verdict(Answer.UNKNOWN, leaves, hanging=frozenset(rule.demands), undecided=True)
