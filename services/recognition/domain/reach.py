# SPDX-License-Identifier: Apache-2.0
"""What a publication of rules can reach: rules to evaluate again, and the nodes that name its learners.

All versions of a rule count, not only what was published: a version that lets go of some credit gives it
to whoever competed for it with the version before.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from services.recognition.domain.canonical import RuleVersion
from services.recognition.domain.effective import EffectiveRule, EffectiveRules
from services.recognition.domain.facts import Award
from services.recognition.domain.rule_set import RuleSet


@dataclass(frozen=True, slots=True)
class Change:
    """The rules of which one publication published a version, each in all its versions."""

    versions: tuple[EffectiveRule, ...]

    @property
    def credentials(self) -> frozenset[str]:
        """The credentials that the rules award."""
        return frozenset(one.credential for one in self.versions)

    @property
    def sources(self) -> frozenset[str]:
        """The credentials whose credit any of their versions may use."""
        return frozenset(source for one in self.versions for source in one.sources)

    def reached(self, rules: EffectiveRules) -> frozenset[int]:
        """Return the numbers of the rules in force that the change can reach."""
        credentials, sources = self.credentials, self.sources
        return rules.reached_by(
            number
            for number, rule in enumerate(rules.rules)
            if rule.credential in credentials or not sources.isdisjoint(rule.sources)
        )

    def nodes(self, rules: RuleSet) -> frozenset[str]:
        """Return every competency and credential by which the change can reach a learner, on any day."""
        found = set(_named(self.versions))
        for day in rules.days():
            effective = rules.on(day)
            found.update(_named(effective.rules[number] for number in self.reached(effective)))
        return frozenset(found)


def changes_of(published: Iterable[tuple[RuleVersion, int]]) -> Mapping[int, Change]:
    """Return what each publication changed, by its epoch, given all versions with theirs."""
    versions: dict[str, list[EffectiveRule]] = {}
    rules_at: dict[int, set[str]] = {}
    for version, epoch in published:
        name = version.rule.rule
        versions.setdefault(name, []).append(EffectiveRule(version.rule, version.reference))
        rules_at.setdefault(epoch, set()).add(name)
    return {
        epoch: Change(tuple(one for name in sorted(names) for one in versions[name]))
        for epoch, names in rules_at.items()
    }


def below(epoch: int, rules: EffectiveRules, reached: Iterable[int], awards: Mapping[str, Award]) -> set[int]:
    """Return the reached rules not yet determined under an epoch, also where no award exists yet."""
    return {
        number
        for number in reached
        if (award := awards.get(rules.rules[number].credential)) is None
        or award.epoch < epoch
        or award.rule.hash != rules.rules[number].reference.hash
    }


def stale(rules: EffectiveRules, awards: Mapping[str, Award], epoch: int) -> tuple[int, ...]:
    """Return the rules whose last determination was made under an earlier epoch or another version."""
    if not awards:
        return ()
    return tuple(
        number
        for credential, award in awards.items()
        if (number := rules.at.get(credential)) is not None
        and (award.epoch < epoch or award.rule.hash != rules.rules[number].reference.hash)
    )


def _named(rules: Iterable[EffectiveRule]) -> Iterator[str]:
    for rule in rules:
        yield rule.credential
        yield from rule.competencies
        yield from rule.feeders
