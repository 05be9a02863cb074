# SPDX-License-Identifier: Apache-2.0
"""Determinations against an oracle of its own kind, and as a function of the set of facts (I4, I5, I6)."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from pydantic import TypeAdapter

from cairn.events.attainment import AttainmentStatus
from cairn.events.decision import DecisionKind, DecisionMade
from cairn.events.explanation import Answer
from services.recognition.domain.canonical import canonical_version
from services.recognition.domain.document import read_rule
from services.recognition.domain.effective import EffectiveRules
from services.recognition.domain.facts import Attainment, AwardState, Standing
from tests.unit.services.recognition.builders import Raw, Record, attained, competency, document

COMPETENCIES = ("a", "b", "c")
STATUSES = (
    AttainmentStatus.DEMONSTRATED,
    AttainmentStatus.ATTEMPTED_NOT_DEMONSTRATED,
    AttainmentStatus.UNKNOWN,
)
ANSWERS = dict(zip(STATUSES, (Answer.MET, Answer.NOT_MET, Answer.UNKNOWN), strict=True))
WIRE = TypeAdapter(DecisionMade)


@some.composite
def requirements(draw: some.DrawFn, number: int, lower: Sequence[str], depth: int = 1) -> Raw:
    identity = f"n{draw(some.integers(0, 10**9))}"
    kinds = (
        ["competency"]
        + ["credential", "credits", "credits"] * bool(lower)
        + ["all", "any", "n_of"] * bool(depth)
    )
    kind = draw(some.sampled_from(kinds))
    if kind == "competency":
        return {"id": identity, "competency": competency(draw(some.sampled_from(COMPETENCIES)))}
    if kind == "credential":
        return {"id": identity, "credential": draw(some.sampled_from(lower))}
    if kind == "credits":
        named = draw(some.lists(some.sampled_from(lower), min_size=1, unique=True))
        return {
            "id": identity,
            "credits": {"amount": draw(some.sampled_from((20, 60))), "system": "cats", "from": named},
        }
    below = [draw(requirements(number, lower, depth - 1)) for _ in range(draw(some.integers(1, 3)))]
    if kind == "n_of":
        return {"id": identity, "n_of": {"n": draw(some.integers(1, len(below))), "of": below}}
    return {"id": identity, kind: below}


def renumber(raw: Raw, names: Any) -> Raw:
    new = {**raw, "id": f"n{next(names)}"}
    for key in ("all", "any"):
        if key in new:
            new[key] = [renumber(child, names) for child in new[key]]
    if "n_of" in new:
        new["n_of"] = {**new["n_of"], "of": [renumber(child, names) for child in new["n_of"]["of"]]}
    return new


@some.composite
def rule_sets(draw: some.DrawFn) -> EffectiveRules:
    versions = []
    slugs: list[str] = []
    for number, cats in enumerate((20, 30, 40)):
        slug = f"base-{number}"
        raw = {"id": "p", "competency": competency(COMPETENCIES[number])}
        versions.append(canonical_version(read_rule(document(slug, raw, cats=cats))))
        slugs.append(slug)
    for number in range(draw(some.integers(1, 3))):
        raw = renumber(draw(requirements(number, slugs)), iter(range(100)))
        slug = f"above-{number}"
        versions.append(canonical_version(read_rule(document(slug, raw, cats=20))))
        slugs.append(slug)
    return EffectiveRules(versions)


histories = some.lists(
    some.tuples(some.sampled_from(COMPETENCIES), some.sampled_from(STATUSES)), min_size=1, max_size=6
)


def facts_of(history: Sequence[tuple[str, AttainmentStatus]]) -> list[Attainment]:
    seen: dict[str, int] = {}
    made = []
    for name, status in history:
        seen[name] = seen.get(name, 0) + 1
        made.append(attained(name, status, seen[name]))
    return made


class Oracle:
    """Tries every way to count every credit, rule by rule; shares only the rules with what it checks."""

    def __init__(self, rules: EffectiveRules, statuses: Mapping[str, AttainmentStatus]) -> None:
        self.statuses = statuses
        self.met: dict[str, Raw] = {}
        self.unknown: set[str] = set()
        self.raws = {one.credential: one.rule.requirement for one in rules.rules}
        for rule in rules.rules:
            name = rule.credential
            if self.possible([*self.met, name], hopeful=None):
                self.met[name] = {}
            elif self.possible([*self.met, name], hopeful=name):
                self.unknown.add(name)
        self.cats = {one.credential: one.rule.credential.credits[0].amount for one in rules.rules}

    def answer(self, name: str) -> Answer:
        if name in self.met:
            return Answer.MET
        return Answer.UNKNOWN if name in self.unknown else Answer.NOT_MET

    def possible(self, names: list[str], hopeful: str | None) -> bool:
        items = sorted({*self.met, *(self.unknown if hopeful else ())})
        wanting = [(name, leaf) for name in names for leaf in self.sums(self.raws[name])]
        for chosen in product((None, *wanting), repeat=len(items)):
            counted: dict[tuple[str, str], Fraction] = {}
            for item, to in zip(items, chosen, strict=True):
                if to is not None and item in to[1].credits.sources:
                    key = to[0], to[1].id
                    counted[key] = counted.get(key, Fraction(0)) + self.worth(item)
            if all(self.holds(name, self.raws[name], counted, hopeful == name) for name in names):
                return True
        return False

    def worth(self, name: str) -> Fraction:
        return {"base-0": Fraction(20), "base-1": Fraction(30), "base-2": Fraction(40)}.get(
            name, Fraction(20)
        )

    def sums(self, node: Any) -> list[Any]:
        if hasattr(node, "credits"):
            return [node]
        return [leaf for child in self.children(node) for leaf in self.sums(child)]

    def children(self, node: Any) -> tuple[Any, ...]:
        if hasattr(node, "n_of"):
            return tuple(node.n_of.of)
        return tuple(getattr(node, "all", None) or getattr(node, "any", None) or ())

    def holds(self, name: str, node: Any, counted: Mapping[tuple[str, str], Fraction], hope: bool) -> bool:
        if hasattr(node, "competency"):
            answer = ANSWERS.get(self.statuses.get(node.competency, STATUSES[1]), Answer.NOT_MET)
            return answer is Answer.MET or (hope and answer is Answer.UNKNOWN)
        if hasattr(node, "credential"):
            return node.credential in self.met or (hope and node.credential in self.unknown)
        if hasattr(node, "credits"):
            return bool(counted.get((name, node.id), Fraction(0)) >= node.credits.amount)
        true = sum(self.holds(name, child, counted, hope) for child in self.children(node))
        need = node.n_of.n if hasattr(node, "n_of") else len(node.all) if hasattr(node, "all") else 1
        return bool(true >= need)


many = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(rule_sets(), some.dictionaries(some.sampled_from(COMPETENCIES), some.sampled_from(STATUSES)))
@many
def test_a_first_determination_is_what_the_oracle_finds(
    rules: EffectiveRules, statuses: dict[str, AttainmentStatus]
) -> None:
    record = Record(rules)
    record.attainments |= {competency(name): attained(name, status) for name, status in statuses.items()}
    record.evaluate(range(len(rules.rules)))
    oracle = Oracle(rules, {competency(name): status for name, status in statuses.items()})
    for rule in rules.rules:
        award = record.awards.get(rule.credential)
        assert (Answer.NOT_MET if award is None else award.answer) is oracle.answer(rule.credential)


@given(rule_sets(), histories, some.randoms())
@many
def test_whatever_the_order_of_arrival_what_holds_now_is_the_same(
    rules: EffectiveRules, history: list[tuple[str, AttainmentStatus]], random: Any
) -> None:
    facts = facts_of(history)
    queues = [[one for one in facts if one.competency == competency(name)] for name in COMPETENCIES]
    shuffled = []
    while any(queues):
        shuffled.append(random.choice([queue for queue in queues if queue]).pop(0))
    first, second, last = Record(rules), Record(rules), Record(rules)
    first.learn(*facts)
    second.learn(*shuffled)
    last.learn(*{one.competency: one for one in facts}.values())
    assert holding(first) == holding(second) == holding(last)


def holding(record: Record) -> dict[str, Any]:
    met = {name: one for name, one in record.awards.items() if one.answer is Answer.MET}
    assert all(one.standing is Standing.HELD for one in met.values())
    assert all(one.answer is Answer.MET for one in record.awards.values() if one.standing is Standing.HELD)
    return {name: (one.allotments, one.credits) for name, one in met.items()}


@given(rule_sets(), histories)
@many
def test_what_a_change_does_not_reach_would_not_have_changed(
    rules: EffectiveRules, history: list[tuple[str, AttainmentStatus]]
) -> None:
    record = Record(rules)
    record.learn(*facts_of(history))
    assert record.evaluate(range(len(rules.rules))) == []


@given(rule_sets(), histories)
@many
def test_the_record_never_counts_a_credit_twice(
    rules: EffectiveRules, history: list[tuple[str, AttainmentStatus]]
) -> None:
    record = Record(rules)
    standing: dict[str, DecisionMade] = {}
    for fact in facts_of(history):
        for made in record.learn(fact):
            assert made.explanation.answer is (record.awards[made.credential].answer)
            standing[made.credential] = made
        used = [
            one.credential
            for made in standing.values()
            if record.awards[made.credential].standing is Standing.HELD
            for one in made.allotments
        ]
        assert len(used) == len(set(used))


@given(rule_sets(), histories)
@many
def test_the_life_of_an_award_has_no_gap_and_no_leap(
    rules: EffectiveRules, history: list[tuple[str, AttainmentStatus]]
) -> None:
    record = Record(rules)
    record.learn(*facts_of(history))
    last: dict[str, DecisionMade] = {}
    for made in record.decisions:
        before = last.get(made.credential)
        assert made.revision == (1 if before is None else before.revision + 1)
        assert made.supersedes == (None if before is None else before.decision_id)
        assert made.grounds or made.kind in {DecisionKind.UNDER_REVIEW, DecisionKind.WITHDRAWN}
        last[made.credential] = made
    assert {name: one.decision_id for name, one in last.items()} == {
        name: award.decision_id for name, award in record.awards.items()
    }
    assert AwardState.PROPOSED not in {award.state for award in record.awards.values()}


@given(rule_sets(), histories)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_same_facts_give_the_same_bytes(
    rules: EffectiveRules, history: list[tuple[str, AttainmentStatus]]
) -> None:
    first, second = Record(rules), Record(EffectiveRules(reversed(versions_of(rules))))
    first.learn(*facts_of(history))
    second.learn(*facts_of(history))
    assert [WIRE.dump_json(one) for one in first.decisions] == [
        WIRE.dump_json(one) for one in second.decisions
    ]


def versions_of(rules: EffectiveRules) -> list[Any]:
    return [canonical_version(rule.rule) for rule in rules.rules]
