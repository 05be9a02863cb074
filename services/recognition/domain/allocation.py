# SPDX-License-Identifier: Apache-2.0
"""The port of allocation: which held credential counts towards which requirement.

A held credential is one item, whatever systems its credit is expressed in, and goes to at most
one demand over all awards of the learner (I6). The answer is a function of the set of claims and
items; the order of the claims is their precedence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from cairn.events.decision import Credit


@dataclass(frozen=True, slots=True)
class Demand:
    """What one requirement asks for: an amount in a system, from named credentials, at a level."""

    rule: str
    requirement: str
    need: Fraction
    system: str
    level: int | None
    sources: frozenset[str]

    def __hash__(self) -> int:
        """Hash the name alone: cheap, and two demands of one name are hardly ever met together."""
        return hash(self.key)

    @property
    def key(self) -> tuple[str, str]:
        """The demand's name: its rule and its requirement."""
        return self.rule, self.requirement

    def counting(self, item: "Item") -> tuple[Credit, ...]:
        """Return the credits of an item that count towards this demand."""
        if item.credential not in self.sources:
            return ()
        return tuple(credit for credit in item.credits if self._counts(credit))

    def amount(self, item: "Item") -> Fraction:
        """Return how much of an item counts towards this demand."""
        return sum((credit.amount for credit in self.counting(item)), Fraction(0))

    def _counts(self, credit: Credit) -> bool:
        if credit.system != self.system:
            return False
        return self.level is None or (credit.level is not None and int(credit.level) >= self.level)


@dataclass(frozen=True, slots=True)
class Item:
    """A held credential and its credits."""

    credential: str
    credits: tuple[Credit, ...]

    def __hash__(self) -> int:
        """Hash the credential alone: its credits are the same for nearly every learner."""
        return hash(self.credential)


@dataclass(frozen=True, slots=True)
class Claim:
    """One rule's claim: any one of its ways will do, and a way needs all of its demands."""

    rule: str
    ways: tuple[tuple[Demand, ...], ...]


@dataclass(frozen=True, slots=True)
class Use:
    """One item counted towards one demand."""

    demand: Demand
    item: Item


@dataclass(frozen=True, slots=True)
class Allocation:
    """Which claims are satisfied and by which uses; ``undecided`` claims were too many steps away."""

    satisfied: frozenset[str]
    undecided: frozenset[str]
    chosen: tuple[Demand, ...]
    uses: tuple[Use, ...]


class Allocator(Protocol):
    """Decides which credit counts where."""

    def allocate(self, claims: Sequence[Claim], items: Sequence[Item]) -> Allocation:
        """Satisfy the claims in their order of precedence, and none at the price of one before it.

        The same set of claims in the same order and the same set of items give the same answer.
        """
        ...
