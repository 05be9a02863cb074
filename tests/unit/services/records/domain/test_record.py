# SPDX-License-Identifier: Apache-2.0
"""What was true on a day, as known at an instant; and no credit counted twice."""

from datetime import date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.events.decision import Credit, DecisionKind, DecisionMade
from cairn.events.explanation import Allotment
from services.records.domain.record import AsOf, AwardState, CreditTotal, LearnerRecord, learner_record
from tests.unit.services.records.decisions import DAY, decision, lives
from tests.unit.services.records.ledgers import RECORDED, follow_all, recorded

NOW = AsOf(None, None)
MAY, JUNE, JULY = date(2014, 5, 1), date(2014, 6, 1), date(2014, 7, 1)
CATS = (Credit(amount=Fraction(60), system="cats", level="4"),)


def record_of(*decisions: DecisionMade, as_of: AsOf = NOW, positioned: int | None = None) -> LearnerRecord:
    return learner_record(recorded(follow_all(decisions)[1], positioned), as_of)


LIFE = (
    decision(DecisionKind.CONFERRED, 1, effective_on=MAY, credits=CATS),
    decision(
        DecisionKind.UNDER_REVIEW,
        2,
        effective_on=JUNE,
        reason="grounds_lowered",
        due_on=JULY,
        addressee="registrar",
    ),
    decision(DecisionKind.UPHELD, 3, effective_on=JULY),
)


@pytest.mark.parametrize(
    ("on", "state"),
    [
        (MAY, AwardState.CONFERRED),
        (JUNE - timedelta(days=1), AwardState.CONFERRED),
        (JUNE, AwardState.UNDER_REVIEW),
        (JULY, AwardState.UPHELD),
        (None, AwardState.UPHELD),
    ],
)
def test_the_day_decides_what_was_true(on: date | None, state: AwardState) -> None:
    (award,) = record_of(*LIFE, as_of=AsOf(on, None)).awards

    assert award.state == state
    assert award.conferred_on == MAY


def test_before_its_day_there_is_no_award_but_the_chain_reaches_all_the_same() -> None:
    record = record_of(*LIFE, as_of=AsOf(MAY - timedelta(days=1), None))

    assert record.awards == ()
    assert record.entries == ()
    assert record.head is not None
    assert record.head.statement.sequence == 3


@pytest.mark.parametrize(("day", "known"), [(0, 0), (1, 1), (2, 2), (3, 3), (9, 3)])
def test_the_instant_decides_what_was_known(day: int, known: int) -> None:
    record = record_of(*LIFE, as_of=AsOf(None, RECORDED + timedelta(days=day)))

    assert len(record.entries) == known
    assert (record.head.statement.sequence if record.head else 0) == known


def test_an_entry_without_a_position_counts_as_recorded_now() -> None:
    assert len(record_of(*LIFE, positioned=2).entries) == 3
    assert (
        len(
            record_of(
                *LIFE, positioned=2, as_of=AsOf(None, datetime.max.replace(tzinfo=RECORDED.tzinfo))
            ).entries
        )
        == 2
    )


def test_a_correction_that_reaches_back_was_not_known_before_it_was_recorded() -> None:
    back = decision(DecisionKind.UNDER_REVIEW, 2, effective_on=MAY, reason="late_regrade")
    life = LIFE[0], back

    assert record_of(*life, as_of=AsOf(MAY, None)).awards[0].state == AwardState.UNDER_REVIEW
    assert (
        record_of(*life, as_of=AsOf(MAY, RECORDED + timedelta(days=1))).awards[0].state
        == AwardState.CONFERRED
    )


def test_a_review_keeps_what_the_award_was_worth_and_names_who_decides() -> None:
    (award,) = record_of(*LIFE[:2]).awards

    assert award.credits == CATS
    assert (award.reason, award.due_on, award.addressee) == ("grounds_lowered", JULY, "registrar")


def test_only_awards_in_good_standing_are_worth_something() -> None:
    assert record_of(LIFE[0]).credits == (CreditTotal("cats", Fraction(60)),)
    assert record_of(*LIFE[:2]).credits == ()
    assert record_of(*LIFE).credits == (CreditTotal("cats", Fraction(60)),)


def test_a_stacked_award_adds_only_what_goes_beyond_the_credits_it_uses() -> None:
    used = tuple(
        Allotment(requirement="sum", credential=credential, amount=Fraction(60), system="cats")
        for credential in ("aaa", "bbb")
    )
    modules = [decision(DecisionKind.CONFERRED, 1, name, credits=CATS) for name in ("aaa", "bbb")]
    for worth, total in ((120, 120), (135, 135), (90, 120)):
        together = (Credit(amount=Fraction(worth), system="cats"),)
        diploma = decision(DecisionKind.CONFERRED, 1, "diploma", credits=together, allotments=used)

        assert record_of(*modules, diploma).credits == (CreditTotal("cats", Fraction(total)),)


def test_an_award_carries_the_other_s_credit_in_every_system_whichever_it_asked_for() -> None:
    both = (Credit(amount=Fraction(20), system="cats"), Credit(amount=Fraction(10), system="ects"))
    modules = [decision(DecisionKind.CONFERRED, 1, name, credits=both) for name in ("aaa", "bbb", "ccc")]
    used = tuple(
        Allotment(requirement="sum", credential=credential, amount=Fraction(20), system="cats")
        for credential in ("aaa", "bbb", "ccc")
    )
    worth = (Credit(amount=Fraction(60), system="cats"), Credit(amount=Fraction(30), system="ects"))
    certificate = decision(DecisionKind.CONFERRED, 1, "certificate", credits=worth, allotments=used)

    assert record_of(*modules, certificate).credits == (
        CreditTotal("cats", Fraction(60)),
        CreditTotal("ects", Fraction(30)),
    )


@given(lives(), st.dates(DAY, DAY + timedelta(days=31)))
def test_the_record_of_a_day_is_that_of_the_decisions_effective_by_then(
    life: list[DecisionMade], on: date
) -> None:
    # Against an oracle without the ledger: the newest decision by then that says something of the award.
    silent = {DecisionKind.PROPOSED, DecisionKind.REFERRED}
    spoken: dict[str, DecisionKind] = {}
    conferred: set[str] = set()
    for each in life:
        if each.kind is DecisionKind.CONFERRED:
            conferred.add(each.credential)
        closes_a_proposal = each.kind is DecisionKind.WITHDRAWN and each.credential not in conferred
        if each.kind is DecisionKind.WITHDRAWN:
            conferred.discard(each.credential)
        if each.kind in silent or closes_a_proposal or each.effective_on > on:
            continue
        if not (each.kind is DecisionKind.REALLOTTED and each.credential in spoken):
            spoken[each.credential] = each.kind

    found = {award.credential: award.state.value for award in record_of(*life, as_of=AsOf(on, None)).awards}

    assert found == {
        credential: "conferred" if kind is DecisionKind.REALLOTTED else kind.value
        for credential, kind in spoken.items()
    }


@given(lives(), st.integers(0, 15))
def test_knowledge_only_grows(life: list[DecisionMade], day: int) -> None:
    known = record_of(*life, as_of=AsOf(None, RECORDED + timedelta(days=day))).entries

    assert known == record_of(*life).entries[: len(known)]
    assert len(known) == min(day, len(record_of(*life).entries))
