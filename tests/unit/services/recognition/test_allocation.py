# SPDX-License-Identifier: Apache-2.0
"""Plain allocation against an oracle that tries everything."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as some

from cairn.events.decision import Credit
from services.recognition.domain import plain
from services.recognition.domain.allocation import Allocation, Claim, Demand, Item
from services.recognition.domain.plain import PlainAllocator

NAMES = ("a", "b", "c", "d", "e")


def item(name: str, amount: Fraction) -> Item:
    return Item(name, (Credit(amount=amount, system="cats", level="4"),))


def demand(rule: int, way: int, place: int, need: Fraction, sources: frozenset[str]) -> Demand:
    return Demand(f"rule-{rule}", f"d{way}-{place}", need, "cats", None, sources)


amounts = some.sampled_from([Fraction(n, 2) for n in (3, 5, 8, 10, 20)])
items = some.lists(amounts, min_size=0, max_size=5).map(
    lambda sizes: [item(name, size) for name, size in zip(NAMES, sizes, strict=False)]
)
sources = some.frozensets(some.sampled_from(NAMES), min_size=1)
needs = some.sampled_from([Fraction(n, 2) for n in (3, 8, 10, 13, 20, 28)])


@some.composite
def claim_lists(draw: some.DrawFn) -> list[Claim]:
    claims = []
    left = 3
    for rule in range(draw(some.integers(1, 3))):
        ways = []
        for way in range(draw(some.integers(1, 2))):
            places = draw(some.integers(1, max(1, min(2, left))))
            left -= places
            ways.append(
                tuple(demand(rule, way, place, draw(needs), draw(sources)) for place in range(places))
            )
        claims.append(Claim(f"rule-{rule}", tuple(ways)))
    return claims


def everything(claims: Sequence[Claim], held: Sequence[Item]) -> tuple[tuple[bool, ...], Fraction]:
    """Return the best verdicts in the order of the claims, and the least total that gives them."""
    demands = [one for claim in claims for way in claim.ways for one in way]
    best: tuple[tuple[bool, ...], Fraction] | None = None
    for chosen in product((None, *demands), repeat=len(held)):
        got: dict[tuple[str, str], Fraction] = {}
        for one, to in zip(held, chosen, strict=True):
            if to is not None:
                got[to.key] = got.get(to.key, Fraction(0)) + to.amount(one)
        verdicts = tuple(
            any(all(got.get(one.key, 0) >= one.need for one in way) for way in claim.ways) for claim in claims
        )
        total = sum(got.values(), Fraction(0))
        if best is None or (verdicts, -total) > (best[0], -best[1]):
            best = verdicts, total
    assert best is not None
    return best


@given(claim_lists(), items)
@settings(max_examples=60, deadline=None)
def test_finds_what_trying_everything_finds_and_uses_no_more(claims: list[Claim], held: list[Item]) -> None:
    found = PlainAllocator().allocate(claims, held)
    verdicts, total = everything(claims, held)
    assert tuple(claim.rule in found.satisfied for claim in claims) == verdicts
    assert sum((use.demand.amount(use.item) for use in found.uses), Fraction(0)) == total
    assert_sound(found, claims)


def assert_sound(found: Allocation, claims: Sequence[Claim]) -> None:
    used = [use.item.credential for use in found.uses]
    assert len(used) == len(set(used))
    for claim in claims:
        if claim.rule in found.satisfied:
            way = tuple(one for one in found.chosen if one.rule == claim.rule)
            assert way in claim.ways
            for one in way:
                mine = [use.item for use in found.uses if use.demand == one]
                assert sum((one.amount(each) for each in mine), Fraction(0)) >= one.need


@given(claim_lists(), items, some.randoms())
@settings(max_examples=80, deadline=None)
def test_the_order_of_the_items_is_no_matter(claims: list[Claim], held: list[Item], random: object) -> None:
    shuffled = list(held)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert PlainAllocator().allocate(claims, shuffled) == PlainAllocator().allocate(claims, held)


def test_what_takes_too_many_steps_is_undecided_and_nothing_else_suffers() -> None:
    held = [item(f"i{number:03}", Fraction(2**number)) for number in range(40)]
    every = frozenset(one.credential for one in held)
    hard = Claim(
        "hard", ((demand(0, 0, 0, Fraction(2**39 + 12345), every), demand(0, 0, 1, Fraction(2**38), every)),)
    )
    easy = Claim("rule-1", ((demand(1, 0, 0, Fraction(1), frozenset(("i000",))),),))
    found = PlainAllocator().allocate([easy, hard], held)
    assert (found.satisfied, found.undecided) == (frozenset(("rule-1",)), frozenset(("hard",)))


def test_the_limit_on_items_holds() -> None:
    held = [item(f"i{number:03}", Fraction(1)) for number in range(plain.MOST_ITEMS + 1)]
    every = frozenset(one.credential for one in held)
    claim = Claim("rule-0", ((demand(0, 0, 0, Fraction(3), every),),))
    assert PlainAllocator().allocate([claim], held).undecided == frozenset(("rule-0",))


def test_levels_and_systems_that_do_not_fit_do_not_count() -> None:
    two = Item(
        "a",
        (
            Credit(amount=Fraction(30), system="cats", level="4"),
            Credit(amount=Fraction(30), system="cats", level="5"),
        ),
    )
    high = Demand("r", "d", Fraction(30), "cats", 5, frozenset("a"))
    assert high.amount(two) == 30
    assert Demand("r", "d", Fraction(30), "ects", None, frozenset("a")).amount(two) == 0
