# SPDX-License-Identifier: Apache-2.0
"""What a decision makes of the ledger: an entry, nothing, or a contradiction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.events.decision import DecisionKind, DecisionMade
from services.records.domain.ledger import Contradiction, Noted, Outcome, Past, Written
from tests.unit.services.records.decisions import decision, lives
from tests.unit.services.records.ledgers import follow_all

P, R, C, A, U, H, W = (
    DecisionKind.PROPOSED,
    DecisionKind.REFERRED,
    DecisionKind.CONFERRED,
    DecisionKind.REALLOTTED,
    DecisionKind.UNDER_REVIEW,
    DecisionKind.UPHELD,
    DecisionKind.WITHDRAWN,
)


def outcome_of(*kinds: DecisionKind) -> Outcome:
    return follow_all(decision(kind, revision) for revision, kind in enumerate(kinds, start=1))[0][-1]


@pytest.mark.parametrize(
    "kinds",
    [(P,), (R,), (P, R), (W,), (P, W), (R, W), (C, U, W, P), (C, U, W, R), (C, W, W)],
)
def test_what_is_not_conferred_makes_no_entry(kinds: tuple[DecisionKind, ...]) -> None:
    assert isinstance(outcome_of(*kinds), Noted)


@pytest.mark.parametrize(
    "kinds",
    [
        (C,),
        (P, C),
        (R, C),
        (C, A),
        (C, U),
        (C, W),
        (C, U, H),
        (C, U, W),
        (C, U, H, A),
        (C, U, H, U),
        (C, U, W, C),
    ],
)
def test_the_life_of_an_award_is_written_down(kinds: tuple[DecisionKind, ...]) -> None:
    outcome = outcome_of(*kinds)

    assert isinstance(outcome, Written)
    assert outcome.entry.statement.kind.value == kinds[-1].value


@pytest.mark.parametrize(
    ("kinds", "reason"),
    [
        ((A,), "reallotted_while_absent"),
        ((U,), "under_review_while_absent"),
        ((P, H), "upheld_while_absent"),
        ((C, C), "conferred_while_good"),
        ((C, P), "proposed_while_good"),
        ((C, R), "referred_while_good"),
        ((C, H), "upheld_while_good"),
        ((C, U, U), "under_review_while_under_review"),
        ((C, U, A), "reallotted_while_under_review"),
        ((C, U, C), "conferred_while_under_review"),
        ((C, U, P), "proposed_while_under_review"),
        ((C, U, R), "referred_while_under_review"),
    ],
)
def test_what_cannot_follow_is_a_contradiction(kinds: tuple[DecisionKind, ...], reason: str) -> None:
    assert outcome_of(*kinds) == Contradiction(reason)


def test_every_kind_has_its_outcome_from_every_standing() -> None:
    for before in ((), (C,), (C, U)):
        for kind in DecisionKind:
            assert isinstance(outcome_of(*before, kind), Noted | Written | Contradiction)


@given(lives(), st.data())
def test_an_old_revision_changes_nothing(life: list[DecisionMade], data: st.DataObject) -> None:
    if not life:
        return
    again = data.draw(st.lists(st.sampled_from(life), min_size=1))
    outcomes, entries = follow_all([*life, *again])

    assert outcomes[len(life) :] == [Past()] * len(again)
    assert entries == follow_all(life)[1]


def test_a_gap_in_the_revisions_is_a_contradiction() -> None:
    outcomes, _ = follow_all([decision(C, 1), decision(H, 3)])

    assert outcomes[-1] == Contradiction("revision_gap")


@given(lives())
def test_a_life_that_recognition_can_lead_never_contradicts(life: list[DecisionMade]) -> None:
    outcomes, entries = follow_all(life)

    assert not [each for each in outcomes if isinstance(each, Contradiction | Past)]
    assert len(entries) == sum(isinstance(each, Written) for each in outcomes)


@given(lives())
def test_the_same_decisions_make_the_same_bytes(life: list[DecisionMade]) -> None:
    assert [each.canonical for each in follow_all(life)[1]] == [
        each.canonical for each in follow_all(life)[1]
    ]
