# SPDX-License-Identifier: Apache-2.0
"""The comparison with the oracle: silent on agreement, and naming each planted difference."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from tests.e2e.agreement import differences, outcomes_at_intake
from tests.e2e.oracle import CERTIFICATE, DIPLOMA, Attainment, Outcome
from tests.e2e.state import AttainedRow, State

DAY = date(2014, 1, 5)
LEARNERS = {"s": "l1"}
EXPECTED = Outcome(
    outcomes=Counter(stored=3),
    attainments={
        ("s", ("DDD", "2013J")): Attainment("demonstrated", Fraction(2, 3), DAY),
        ("s", ("CCC", "2014B")): Attainment("demonstrated", Fraction(1, 2), DAY),
        ("s", ("EEE", "2014B")): Attainment("partially_attempted"),
        ("s", ("AAA", "2014J")): Attainment("unknown"),
    },
    met={"s": frozenset({"module-ddd", "module-ccc", CERTIFICATE, DIPLOMA})},
    unknown={"s": frozenset({"module-aaa"})},
    credits={"s": 90},
)


def row(status: str, score: str | None = None, achieved_on: date | None = None) -> AttainedRow:
    return AttainedRow(status, None if score is None else Decimal(score), achieved_on, 1, "e")


def entry(kind: str, credential: str, reason: str = "", **rest: object) -> tuple[str, str]:
    said = {"kind": kind, "credential": credential, "reason": reason, "credits": [], "allotments": []}
    return json.dumps(said | rest), "00"


def cats(amount: int) -> list[dict[str, str]]:
    return [{"amount": str(amount), "system": "cats"}]


def uses(credential: str, amount: int) -> list[dict[str, str]]:
    return [{"credential": credential, "amount": str(amount)}]


AGREEING = State(
    attainments={
        ("l1", "https://open.ac.uk/competencies/DDD/2013J"): row("demonstrated", "0.6666666667", DAY),
        ("l1", "https://open.ac.uk/competencies/CCC/2014B"): row("demonstrated", "0.5", DAY),
        ("l1", "https://open.ac.uk/competencies/EEE/2014B"): row("partially_attempted"),
        ("l1", "https://open.ac.uk/competencies/AAA/2014J"): row("unknown"),
    },
    standings={
        ("l1", "module-ddd"): "good",
        ("l1", "module-ccc"): "good",
        ("l1", CERTIFICATE): "good",
        ("l1", DIPLOMA): "good",
    },
    holdings={},
    determinations={
        ("l1", "module-ddd"): ("conferred", "met"),
        ("l1", "module-ccc"): ("upheld", "met"),
        ("l1", "module-aaa"): ("referred", "unknown"),
        ("l1", CERTIFICATE): ("conferred", "met"),
        ("l1", DIPLOMA): ("conferred", "met"),
    },
    entries={
        ("l1", 1): entry("conferred", "module-ddd", credits=cats(60)),
        ("l1", 2): entry("conferred", CERTIFICATE, allotments=uses("module-ddd", 60)),
        ("l1", 3): entry("conferred", "module-ccc", credits=cats(30)),
        ("l1", 4): entry("conferred", DIPLOMA, allotments=uses("module-ccc", 30)),
    },
    outcomes={},
    door=Counter(),
)


def attained(row: AttainedRow) -> Callable[[State], State]:
    place = "l1", "https://open.ac.uk/competencies/DDD/2013J"
    return lambda state: replace(state, attainments={**state.attainments, place: row})


def standing(credential: str, standing: str) -> Callable[[State], State]:
    return lambda state: replace(state, standings={**state.standings, ("l1", credential): standing})


def determined(credential: str, found: str, answer: str) -> Callable[[State], State]:
    place = "l1", credential
    return lambda state: replace(state, determinations={**state.determinations, place: (found, answer)})


def line(sequence: int, entry: tuple[str, str]) -> Callable[[State], State]:
    return lambda state: replace(state, entries={**state.entries, ("l1", sequence): entry})


def test_agreement_is_silent() -> None:
    assert differences(EXPECTED, AGREEING, LEARNERS) == []


@pytest.mark.parametrize(
    ("plant", "named"),
    [
        (attained(row("demonstrated", "0.6666666666", DAY)), "0.6666666666"),
        (attained(row("demonstrated", "0.6666666667", date(2014, 1, 6))), "2014, 1, 6"),
        (attained(row("partially_attempted")), "status='partially_attempted'"),
        (standing("module-ddd", "absent"), "good standing"),
        (standing("module-eee", "under_review"), "no entry says why"),
        (determined("module-ccc", "conferred", "unknown"), "expected the answer met, found unknown"),
        (determined("module-aaa", "withdrawn", "not_met"), "expected the answer unknown, found not_met"),
        (determined("module-aaa", "conferred", "unknown"), "no person is asked"),
        (determined("module-eee", "referred", "unknown"), "expected the answer not_met, found unknown"),
        (line(3, entry("conferred", "module-ccc", credits=cats(60))), "expected 90 credits, found 120"),
        (line(4, entry("conferred", DIPLOMA, allotments=uses("module-ddd", 60))), "counted twice"),
        (line(4, entry("conferred", DIPLOMA, allotments=uses("module-ccc", 20))), "do not reach"),
        (line(4, entry("conferred", DIPLOMA, allotments=uses("module-aaa", 60))), "not in good standing"),
    ],
)
def test_each_difference_is_named(plant: Callable[[State], State], named: str) -> None:
    assert any(named in found for found in differences(EXPECTED, plant(AGREEING), LEARNERS))


def test_an_attainment_that_nobody_expects_is_named() -> None:
    place = "l1", "https://open.ac.uk/competencies/GGG/2014B"
    state = replace(AGREEING, attainments={**AGREEING.attainments, place: row("withdrawn")})
    assert len(differences(EXPECTED, state, LEARNERS)) == 1


def test_a_review_with_its_reason_may_differ() -> None:
    state = standing("module-eee", "under_review")(AGREEING)
    state = line(5, entry("conferred", "module-eee", credits=cats(30)))(state)
    assert differences(EXPECTED, state, LEARNERS) != []
    state = line(6, entry("under_review", "module-eee", "grounds_lost"))(state)
    assert differences(EXPECTED, state, LEARNERS) == []


def test_what_is_not_stored_is_a_duplicate_or_a_dead_letter() -> None:
    said = Counter(stored=5, duplicate=2, conflict=1, refused=3)
    assert outcomes_at_intake(said) == Counter(applied=5, duplicate=2, dead_lettered=4)
    assert outcomes_at_intake(Counter(stored=5)) == Counter(applied=5)


def test_what_is_unsettled_leaves_open_what_rests_on_it() -> None:
    met = {"s": frozenset({"module-ddd", "module-ccc", CERTIFICATE})}
    attainments = {place: one for place, one in EXPECTED.attainments.items() if one.status != "unknown"}
    rows = {place: one for place, one in AGREEING.attainments.items() if one.status != "unknown"}
    settled = replace(EXPECTED, attainments=attainments, met=met, unknown={})
    state = determined("module-aaa", "withdrawn", "not_met")(replace(AGREEING, attainments=rows))
    state = standing(DIPLOMA, "absent")(determined(DIPLOMA, "referred", "unknown")(state))
    assert len(differences(settled, state, LEARNERS)) == 1
    reviewed = standing("module-eee", "under_review")(
        line(5, entry("under_review", "module-eee", "why"))(state)
    )
    assert differences(settled, reviewed, LEARNERS) == []
    unknown = determined("module-aaa", "referred", "unknown")(
        replace(state, attainments=AGREEING.attainments)
    )
    assert differences(replace(EXPECTED, met=met), unknown, LEARNERS) == []
