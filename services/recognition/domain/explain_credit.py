# SPDX-License-Identifier: Apache-2.0
"""The explanation of demands for credit: what is counted, what is left over, and where the rest is.

What a verdict does not claim is shown as what is left over: each credit for one requirement at
most, in the order of the document.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from cairn.events.explanation import Answer, Finding
from services.recognition.domain import wording
from services.recognition.domain.allocation import Demand, Item
from services.recognition.domain.effective import EffectiveRule
from services.recognition.domain.evaluation import Evaluation, Verdict
from services.recognition.domain.facts import Award, Standing
from services.recognition.domain.requirement import Credits, walk


@dataclass(slots=True)
class CreditSeen:
    """The credit that one rule may look at: counted for it, counted elsewhere, free, uncertain."""

    counted: dict[str, list[Item]] = field(default_factory=dict)
    elsewhere: list[Item] = field(default_factory=list)
    free: list[Item] = field(default_factory=list)
    uncertain: list[Item] = field(default_factory=list)


def credit_seen(number: int, evaluation: Evaluation) -> CreditSeen:
    """Part the credit that a rule may look at by what has become of it."""
    rule = evaluation.rules.rules[number]
    if not rule.demands:
        return CreditSeen()
    uses = evaluation.allocation(number).uses
    own = [use for use in uses if use.demand.rule == rule.rule.rule]
    counted: dict[str, list[Item]] = {}
    for use in own:
        counted.setdefault(use.demand.requirement, []).append(use.item)
    used = {use.item.credential for use in uses}
    held = evaluation.items(number, Standing.HELD)
    others = used - {use.item.credential for use in own}
    return CreditSeen(
        counted=counted,
        elsewhere=[item for item in held if item.credential in others],
        free=[item for item in held if item.credential not in used],
        uncertain=evaluation.items(number, Standing.UNCERTAIN),
    )


def explain_credit(
    rule: EffectiveRule, verdict: Verdict, seen: CreditSeen, awards: Mapping[str, Award]
) -> dict[str, Finding]:
    """Explain every demand of a rule, by requirement; uses up what ``seen`` has left over."""
    asked = [one for one in walk(rule.rule.requirement) if isinstance(one, Credits)]
    found = {}
    for one in asked:
        demand = rule.demands[one.id]
        answer, have, items, note = _look(demand, verdict, seen)
        found[one.id] = Finding(
            requirement=one.id,
            kind="credits",
            title=one.title,
            answer=answer,
            subject=demand.system,
            have=have,
            need=demand.need,
            grounds=tuple(sorted(awards[item.credential].decision_id for item in items)),
            note=note,
        )
    return found


def _look(demand: Demand, verdict: Verdict, seen: CreditSeen) -> tuple[Answer, Fraction, list[Item], str]:
    if counted := seen.counted.get(demand.requirement):
        have = _total(demand, counted)
        return Answer.MET, have, counted, wording.of_counted_credit(have, demand.system, len(counted))
    free, uncertain = _counting(demand, seen.free), _counting(demand, seen.uncertain)
    elsewhere = _counting(demand, seen.elsewhere)
    have = _total(demand, free)
    considered = [*free, *elsewhere, *uncertain]
    if verdict.undecided:
        return Answer.UNKNOWN, have, considered, wording.UNDECIDED
    hoped = _total(demand, uncertain)
    note = wording.of_free_credit(demand.need, have, _total(demand, elsewhere), hoped)
    if have >= demand.need:
        _take(seen.free, demand, demand.need)
        return Answer.MET, have, free, note
    if have + hoped >= demand.need:
        _take(seen.uncertain, demand, demand.need - _take(seen.free, demand, demand.need))
        return Answer.UNKNOWN, have, considered, note
    answer = Answer.UNKNOWN if demand.requirement in verdict.hanging else Answer.NOT_MET
    return answer, have, considered, note


def _counting(demand: Demand, items: Iterable[Item]) -> list[Item]:
    return [item for item in items if demand.counting(item)]


def _total(demand: Demand, items: Iterable[Item]) -> Fraction:
    return sum((demand.amount(item) for item in items), Fraction(0))


def _take(items: list[Item], demand: Demand, need: Fraction) -> Fraction:
    """Take items, by id, until a need is met or nothing is left; return how much was taken."""
    taken = Fraction(0)
    for item in _counting(demand, items):
        if taken >= need:
            break
        taken += demand.amount(item)
        items.remove(item)
    return taken
