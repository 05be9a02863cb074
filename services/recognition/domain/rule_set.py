# SPDX-License-Identifier: Apache-2.0
"""All published versions of a tenant's rules, and which of them are in force on a day.

Of one rule the greatest version in force counts. The checks here are on the set: each document on
its own is checked where it is read.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import date

from services.recognition.domain.canonical import RuleVersion
from services.recognition.domain.document import Fault
from services.recognition.domain.effective import CircleError, EffectiveRule, EffectiveRules


class RuleSet:
    """The rule versions of one tenant."""

    def __init__(self, versions: Iterable[RuleVersion]) -> None:
        """Take versions that are each valid and of which none has the id and version of another."""
        self.versions = tuple(sorted(versions, key=lambda one: (one.rule.rule, one.rule.version)))
        self._changes = sorted({day for one in self.versions for day in _boundaries(one)})
        self._in_force: dict[int, EffectiveRules] = {}

    def on(self, day: date) -> EffectiveRules:
        """Return the rules in force on a day; worked out once between two days on which they change."""
        era = bisect_right(self._changes, day)
        if era not in self._in_force:
            self._in_force[era] = EffectiveRules(self._greatest(day))
        return self._in_force[era]

    def days(self) -> tuple[date, ...]:
        """Return one day of every stretch in which the same rules are in force."""
        return (date.min, *(day for day in self._changes if day > date.min))

    def faults(self) -> Iterator[Fault]:
        """Yield what is wrong with the set as a whole."""
        awarding: dict[str, str] = {}
        for one in self.versions:
            credential = one.rule.credential.id
            if awarding.setdefault(credential, one.rule.rule) != one.rule.rule:
                other = awarding[credential]
                yield Fault("credential.id", f"{credential} is awarded by the rule {other}", one.rule.rule)
        if not (missing := tuple(self._missing(frozenset(awarding)))):
            yield from self._circles()
        yield from missing

    def _missing(self, awarded: frozenset[str]) -> Iterator[Fault]:
        for one in self.versions:
            for credential in sorted(feeders_of(one) - awarded):
                yield Fault("requirement", f"no rule awards the credential {credential}", one.rule.rule)

    def _circles(self) -> Iterator[Fault]:
        circles = set()
        for day in self.days():
            try:
                self.on(day)
            except CircleError as circle:
                circles.add(circle.rules)
        for rules in sorted(circles):
            reason = f"these rules rest on each other in a circle: {', '.join(rules)}"
            yield Fault("requirement", reason, rules[0])

    def _greatest(self, day: date) -> list[RuleVersion]:
        # Versions are in ascending order, so a later one takes the place of an earlier one.
        return list({one.rule.rule: one for one in self.versions if one.rule.in_force(day)}.values())


def feeders_of(version: RuleVersion) -> frozenset[str]:
    """Return the credentials that a rule version reads."""
    return EffectiveRule(version.rule, version.reference).feeders


def _boundaries(one: RuleVersion) -> Iterator[date]:
    if one.rule.effective_from is not None:
        yield one.rule.effective_from
    if one.rule.effective_to is not None:
        yield one.rule.effective_to
