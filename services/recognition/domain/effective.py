# SPDX-License-Identifier: Apache-2.0
"""The rules in force on one day, in the order in which awards feed awards.

The order is a function of the set of rules: by how many awards deep a rule rests on others, then by
its id. It is also the precedence among rules that want the same credit: what is nearer to the
evidence comes first. A circle of awards that feed each other is refused.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from cairn.events.decision import Credit
from cairn.events.explanation import RuleReference
from services.recognition.domain.allocation import Demand
from services.recognition.domain.canonical import RuleVersion
from services.recognition.domain.requirement import Competency, Credits, HeldCredential, walk
from services.recognition.domain.rule import Conferral, Rule


class CircleError(ValueError):
    """Awards feed each other in a circle; ``rules`` are those on it or resting on it."""

    def __init__(self, rules: Iterable[str]) -> None:
        self.rules = tuple(sorted(rules))
        super().__init__("these rules rest on each other in a circle: " + ", ".join(self.rules))


@dataclass(frozen=True)
class EffectiveRule:
    """A rule with what is asked of it at every evaluation worked out once."""

    rule: Rule
    reference: RuleReference

    @cached_property
    def credential(self) -> str:
        """The credential that it awards."""
        return self.rule.credential.id

    @cached_property
    def automatic(self) -> bool:
        """Whether no person has to confer."""
        return self.rule.credential.conferral is Conferral.AUTOMATIC

    @cached_property
    def credits(self) -> tuple[Credit, ...]:
        """The credit that its credential gives."""
        return self.rule.credential.credit_given

    @cached_property
    def asked(self) -> tuple[Competency | HeldCredential, ...]:
        """Its requirements that facts answer on their own, in the order of the document."""
        return tuple(
            one for one in walk(self.rule.requirement) if isinstance(one, Competency | HeldCredential)
        )

    @cached_property
    def competencies(self) -> frozenset[str]:
        """The competencies that it reads."""
        return frozenset(one.competency for one in self.asked if isinstance(one, Competency))

    @cached_property
    def sources(self) -> frozenset[str]:
        """The credentials whose credit it may use."""
        return frozenset(source for demand in self.demands.values() for source in demand.sources)

    @cached_property
    def feeders(self) -> frozenset[str]:
        """The credentials that it reads, for themselves or for their credit."""
        held = (one.credential for one in self.asked if isinstance(one, HeldCredential))
        return self.sources.union(held)

    @cached_property
    def demands(self) -> Mapping[str, Demand]:
        """Its demands for credit, by requirement, in the order of the document."""
        return {
            one.id: Demand(
                rule=self.rule.rule,
                requirement=one.id,
                need=one.credits.amount,
                system=one.credits.system,
                level=None if one.credits.level_at_least is None else int(one.credits.level_at_least),
                sources=frozenset(one.credits.sources),
            )
            for one in walk(self.rule.requirement)
            if isinstance(one, Credits)
        }


class EffectiveRules:
    """The rules of one tenant in force on one day, indexed by what a fact can reach."""

    def __init__(self, versions: Iterable[RuleVersion]) -> None:
        """Put the rules in order; raise CircleError if they have none."""
        rules = [EffectiveRule(version.rule, version.reference) for version in versions]
        self.rules = _in_order(rules)
        self.at = {rule.credential: number for number, rule in enumerate(self.rules)}
        self._direct = _index(rule.competencies for rule in self.rules)
        self._dependents = _index(rule.feeders for rule in self.rules)
        self._mates = _mates(self.rules)
        self._reads: dict[str, frozenset[str]] = {}

    def reading(self, competency: str) -> tuple[int, ...]:
        """Return the numbers of the rules that name a competency."""
        return self._direct.get(competency, ())

    def resting_on(self, credential: str) -> tuple[int, ...]:
        """Return the numbers of the rules that name a credential."""
        return self._dependents.get(credential, ())

    def mates(self, number: int) -> tuple[int, ...]:
        """Return the rules that compete with this one for credit, itself included; none if it wants none."""
        return self._mates.get(number, ())

    def read_for(self, competency: str) -> frozenset[str]:
        """Return every competency that may be read when this one changes."""
        if competency not in self._reads:
            self._reads[competency] = self.read_by(self.reading(competency)) | {competency}
        return self._reads[competency]

    def read_by(self, numbers: Iterable[int]) -> frozenset[str]:
        """Return every competency that may be read when these rules are evaluated."""
        return frozenset(
            one for number in self.reached_by(numbers) for one in self.rules[number].competencies
        )

    def reached_by(self, numbers: Iterable[int]) -> frozenset[int]:
        """Return these rules, what competes with them for credit, and what rests on any of it."""
        reached: set[int] = set()
        waiting = list(numbers)
        while waiting:
            number = waiting.pop()
            if number not in reached:
                reached.add(number)
                waiting += self.mates(number)
                waiting += self.resting_on(self.rules[number].credential)
        return frozenset(reached)


def _index(named: Iterable[frozenset[str]]) -> dict[str, tuple[int, ...]]:
    index: dict[str, tuple[int, ...]] = {}
    for number, names in enumerate(named):
        for name in names:
            index[name] = (*index.get(name, ()), number)
    return index


def _in_order(rules: list[EffectiveRule]) -> tuple[EffectiveRule, ...]:
    awarded = {rule.credential for rule in rules}
    waiting = {rule.rule.rule: rule for rule in rules}
    placed: set[str] = set()
    ordered: list[EffectiveRule] = []
    while waiting:
        ready = [slug for slug, rule in waiting.items() if (rule.feeders & awarded) <= placed]
        if not ready:
            raise CircleError(waiting)
        layer = [waiting.pop(slug) for slug in sorted(ready)]
        ordered += layer
        placed |= {rule.credential for rule in layer}
    return tuple(ordered)


def _mates(rules: tuple[EffectiveRule, ...]) -> dict[int, tuple[int, ...]]:
    groups: list[tuple[list[int], frozenset[str]]] = []
    for number, rule in enumerate(rules):
        if not rule.sources:
            continue
        joined, sources = [number], rule.sources
        apart = []
        for group, shared in groups:
            if shared & sources:
                joined = group + joined
                sources |= shared
            else:
                apart.append((group, shared))
        groups = [*apart, (joined, sources)]
    return {number: tuple(sorted(group)) for group, _ in groups for number in group}
