# SPDX-License-Identifier: Apache-2.0
"""Which sharing bases may be granted, and from when to when they hold."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, get_args

import pytest

from services.records.domain.legal_basis import (
    CLAUSES,
    MODELS,
    Consent,
    FerpaConsent,
    FerpaTransfer,
    UnderLaw,
)
from services.records.domain.partner import Partner
from services.records.domain.sharing_basis import Fault, SharingBasis, View, faults_of

TODAY = date(2026, 11, 28)
SOUTH = Partner(partner="south", version=1, name="South", identities=("spiffe://south/a",), authorities="x")
SIGNED = FerpaConsent(
    kind="ferpa_consent", records="all credits", signed_on=date(2026, 9, 1), signature="electronic"
)
BY_LAW = UnderLaw(kind="gdpr_public_task", law="Code de l'education, article L. 123-3")
BASIS = SharingBasis(
    basis="south-admission-17",
    partner="south",
    purpose="admission",
    legal_basis=SIGNED,
    learner="l1",
    views={View.LEARNER_RECORD: ("credits",)},
    first_day=date(2026, 9, 1),
    last_day=date(2027, 3, 28),
    time_zone="Europe/Paris",
)
OF_ALL = replace(BASIS, legal_basis=BY_LAW, learner=None, every_learner=True, last_day=None)


def places(new: SharingBasis, partner: Partner | None = SOUTH) -> list[str]:
    return [fault.place for fault in faults_of(new, partner, TODAY)]


def test_a_basis_holds_from_its_first_day_to_the_end_of_its_last() -> None:
    assert BASIS.starts_at == datetime(2026, 8, 31, 22, tzinfo=UTC)
    # On that night summer time begins.
    assert BASIS.ends_at == datetime(2027, 3, 28, 22, tzinfo=UTC)
    assert OF_ALL.ends_at is None


def test_what_is_whole_is_granted() -> None:
    assert places(BASIS) == []
    assert places(OF_ALL) == []
    assert places(replace(BASIS, legal_basis=BY_LAW)) == []
    assert places(replace(OF_ALL, last_day=TODAY)) == []


@pytest.mark.parametrize(
    ("new", "wanted"),
    [
        (replace(BASIS, every_learner=True), ["learner", "every_learner"]),
        (replace(BASIS, learner=None), ["learner"]),
        (replace(OF_ALL, legal_basis=SIGNED), ["every_learner"]),
        (replace(BASIS, last_day=None), ["last_day"]),
        (replace(BASIS, views={View.ENTRY: ("x" * 200,) * 5}), ["views.entry"]),
        (replace(BASIS, last_day=date(2026, 11, 27)), ["last_day"]),
        (replace(BASIS, first_day=date(2027, 4, 1)), ["last_day"]),
        (
            replace(BASIS, legal_basis=replace(SIGNED, signed_on=date(2026, 11, 29))),
            ["legal_basis.signed_on"],
        ),
    ],
)
def test_what_is_not_whole_is_refused_by_its_key(new: SharingBasis, wanted: list[str]) -> None:
    assert places(new) == wanted


def test_a_basis_is_for_another_institution_that_stands() -> None:
    assert places(BASIS, None) == ["partner"]
    assert places(BASIS, replace(SOUTH, withdrawn=True)) == ["partner"]
    assert places(BASIS, replace(SOUTH, own=True)) == ["partner"]


def test_an_attempt_to_notify_has_its_day() -> None:
    with pytest.raises(ValueError, match="attempted_on"):
        FerpaTransfer(kind="ferpa_transfer", notified="attempted")
    with pytest.raises(ValueError, match="attempted_on"):
        FerpaTransfer(kind="ferpa_transfer", notified="annual_notification", attempted_on=TODAY)
    attempted = FerpaTransfer(kind="ferpa_transfer", notified="attempted", attempted_on=date(2026, 12, 1))
    assert [*faults_of(replace(BASIS, legal_basis=attempted), SOUTH, TODAY)] == [
        Fault("legal_basis.attempted_on", "must not lie ahead")
    ]


def kinds_of(model: Any) -> tuple[str, ...]:
    return get_args(model.__dataclass_fields__["kind"].type)


def test_each_right_has_a_clause_and_each_clause_is_a_right() -> None:
    kinds = [kind for model in MODELS for kind in kinds_of(model)]

    assert sorted(kinds) == sorted(CLAUSES)
    assert all(clause.source for clause in CLAUSES.values())
    # A learner's own word is about that learner alone.
    assert not any(CLAUSES[kind].every_learner for kind in kinds_of(Consent))


def test_what_the_law_has_told_is_told() -> None:
    assert {kind for kind, clause in CLAUSES.items() if "99.33" in clause.notice} == {
        "ferpa_consent",
        "ferpa_transfer",
    }
