# SPDX-License-Identifier: Apache-2.0
"""Plain allocation: exact over small sets, and honest about the rest.

Claims are satisfied in their order: the first, then the first two together, and so on, each time
choosing anew for all of them, so that no earlier claim takes a credit that a later one needs and
the earlier one could do without. Among the ways to satisfy them, the least total amount is used,
which leaves most for what comes later; among equals, credentials first in the order of their ids
are used, for demands first in the order of the claims. The work is bounded by counted steps.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import chain, product
from math import lcm
from operator import attrgetter
from typing import TypeAlias

from services.recognition.domain.allocation import Allocation, Claim, Demand, Item, Use
from services.recognition.domain.steps import Steps, TooManySteps

MOST_STEPS = 50_000
MOST_ITEMS = 300  # the search goes one frame deeper for each item

Assignment: TypeAlias = tuple[Use, ...]
Needs: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Fit:
    cost: Fraction
    chosen: tuple[Demand, ...]
    uses: Assignment


class PlainAllocator:
    """Searches exhaustively, with what is equal looked at once."""

    def allocate(self, claims: Sequence[Claim], items: Sequence[Item]) -> Allocation:
        """Satisfy the claims in their order of precedence."""
        return _allocate(tuple(claims), tuple(sorted(items, key=attrgetter("credential"))))


# Learners with the same credentials ask the same question, and an answer is a value.
@lru_cache(maxsize=1024)
def _allocate(claims: tuple[Claim, ...], items: tuple[Item, ...]) -> Allocation:
    kept: list[Claim] = []
    undecided: set[str] = set()
    best = _Fit(Fraction(0), (), ())
    for claim in claims:
        try:
            fit = _fit([*kept, claim], items, Steps(MOST_STEPS))
        except TooManySteps:
            undecided.add(claim.rule)
            continue
        if fit is not None:
            kept.append(claim)
            best = fit
    satisfied = frozenset(claim.rule for claim in kept)
    return Allocation(satisfied, frozenset(undecided), best.chosen, best.uses)


def _fit(claims: Sequence[Claim], items: Sequence[Item], steps: Steps) -> _Fit | None:
    """Satisfy all claims at the least total amount; None if that cannot be."""
    best: _Fit | None = None
    for ways in product(*(claim.ways for claim in claims)):
        steps.take()
        chosen = tuple(chain.from_iterable(ways))
        fit = _assign(chosen, items, steps)
        if fit is not None and (best is None or fit.cost < best.cost):
            best = fit
    return best


def _assign(demands: tuple[Demand, ...], items: Sequence[Item], steps: Steps) -> _Fit | None:
    cost = Fraction(0)
    uses: list[Use] = []
    for group, usable in _independent(demands, items):
        search = _Search(group, usable, steps)
        if not search.feasible:
            return None
        cost += search.cost
        uses += search.uses()
    order = {demand.key: number for number, demand in enumerate(demands)}
    uses.sort(key=lambda use: (order[use.demand.key], use.item.credential))
    return _Fit(cost, demands, tuple(uses))


def _independent(demands: Iterable[Demand], items: Sequence[Item]) -> list[tuple[list[Demand], list[Item]]]:
    """Part the demands into groups that share no item: each is a question of its own."""
    groups: list[tuple[list[Demand], set[str]]] = []
    for demand in demands:
        usable = {item.credential for item in items if demand.counting(item)}
        joined = [demand]
        apart = []
        for group, shared in groups:
            if shared & usable:
                joined = group + joined
                usable |= shared
            else:
                apart.append((group, shared))
        groups = [*apart, (joined, usable)]
    return [(group, [item for item in items if item.credential in usable]) for group, usable in groups]


class _Search:
    """The cheapest assignment of items to demands, item by item in the order of their ids."""

    def __init__(self, demands: Sequence[Demand], items: Sequence[Item], steps: Steps) -> None:
        if len(items) > MOST_ITEMS:
            raise TooManySteps
        self._demands, self._items, self._steps = demands, items, steps
        amounts = [[demand.amount(item) for demand in demands] for item in items]
        scale = lcm(*(part.denominator for part in chain(*amounts, (demand.need for demand in demands))))
        self._amounts = [[int(part * scale) for part in row] for row in amounts]
        self._needs = tuple(int(demand.need * scale) for demand in demands)
        self._rest = self._remaining()
        self._known: dict[tuple[int, Needs], int | None] = {}
        least = self._least(0, self._needs)
        self.feasible = least is not None
        self.cost = Fraction(least or 0, scale)

    def uses(self) -> list[Use]:
        """Return the canonical assignment of the least cost."""
        found: list[Use] = []
        needs = self._needs
        for number, item in enumerate(self._items):
            least = self._least(number, needs)
            for demand, cost, after in self._choices(number, needs):
                below = self._least(number + 1, after)
                if below is not None and below + cost == least:
                    if demand is not None:
                        found.append(Use(self._demands[demand], item))
                    needs = after
                    break
        return found

    def _remaining(self) -> list[Needs]:
        rest = [tuple(0 for _ in self._demands)]
        for row in reversed(self._amounts):
            rest.append(tuple(sum(pair) for pair in zip(rest[-1], row, strict=True)))
        rest.reverse()
        return rest

    def _least(self, number: int, needs: Needs) -> int | None:
        if not any(needs):
            return 0
        if any(need > rest for need, rest in zip(needs, self._rest[number], strict=True)):
            return None
        known = self._known
        if (number, needs) in known:
            return known[number, needs]
        self._steps.take()
        costs = []
        for _, cost, after in self._choices(number, needs):
            below = self._least(number + 1, after)
            if below is not None:
                costs.append(below + cost)
        known[number, needs] = least = min(costs, default=None)
        return least

    def _choices(self, number: int, needs: Needs) -> list[tuple[int | None, int, Needs]]:
        choices: list[tuple[int | None, int, Needs]] = []
        for demand, amount in enumerate(self._amounts[number]):
            if amount and needs[demand]:
                after = (*needs[:demand], max(needs[demand] - amount, 0), *needs[demand + 1 :])
                choices.append((demand, amount, after))
        choices.append((None, 0, needs))
        return choices
