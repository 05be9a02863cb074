# SPDX-License-Identifier: Apache-2.0
"""A document of a sharing basis is read whole, or each fault is named by its key."""

from datetime import date
from typing import Any

import pytest
import yaml

from chassis.documents import Document
from chassis.rpc.refusal import Refusal
from services.records.adapters.masks import check_fields
from services.records.app.sharing_documents import WrittenBasis, read_canonical, read_documents
from services.records.domain.sharing_basis import View

WHOLE: dict[str, Any] = {
    "basis": "south-admission-17",
    "partner": "south",
    "purpose": "admission",
    "learner": "l1",
    "legal_basis": {
        "kind": "ferpa_consent",
        "records": "all credits",
        "signed_on": date(2026, 9, 1),
        "signature": "electronic",
    },
    "views": {"learner_record": ["awards.*.title", "credits"], "entry": ["*"]},
    "first_day": date(2026, 9, 1),
    "last_day": date(2027, 8, 31),
    "time_zone": "America/Chicago",
}


def read(*documents: dict[str, Any]) -> list[WrittenBasis]:
    return read_documents([Document("a.yaml", yaml.safe_dump(each)) for each in documents], check_fields)


def faults(*documents: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(Refusal) as raised:
        read(*documents)
    return {each.field: each.description for each in raised.value.violations}


def test_a_whole_document_is_read_and_written_the_same_again() -> None:
    (written,) = read(WHOLE)

    assert written.basis.views[View.ENTRY] == ("*",)
    assert written.basis.legal_basis.kind == "ferpa_consent"
    assert read_canonical(written.canonical) == written.basis
    assert "every_learner" not in written.canonical
    (again,) = read(dict(reversed(WHOLE.items())) | {"every_learner": False})
    assert again.hash == written.hash


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"purpose": "Admission"}, "purpose", "should match pattern"),
        ({"learner": "anna@example.edu"}, "learner", "opaque"),
        ({"time_zone": "Paris"}, "time_zone", "IANA"),
        ({"time_zone": "../etc/passwd"}, "time_zone", "IANA"),
        ({"views": {}}, "views", "at least 1"),
        ({"views": {"transcript": ["*"]}}, "views.transcript", "learner_record"),
        ({"views": {"entry": []}}, "views.entry", "at least 1"),
        ({"views": {"entry": ["kind", "marks"]}}, "views.entry[1]", "must be one of addressee"),
        ({"views": {"learner_record": ["awards.title"]}}, "views.learner_record[0]", "needs *"),
        ({"last_dya": "2027-01-01"}, "last_dya", "nearest one is last_day"),
        ({"first_day": "soon"}, "first_day", "date"),
    ],
)
def test_a_fault_is_named_by_its_key(changed: dict[str, Any], field: str, said: str) -> None:
    found = faults(WHOLE | changed)

    assert said in found[f"documents[0].{field}"]
    assert all(each.startswith("a.yaml: ") for each in found.values())


@pytest.mark.parametrize(
    ("legal_basis", "field", "said"),
    [
        ({"kind": "because"}, "legal_basis", "must be one of 'ferpa_consent'"),
        ({}, "legal_basis", "kind"),
        ({"kind": "ferpa_consent", "records": "all"}, "legal_basis.signed_on", "required"),
        ({"kind": "gdpr_public_task", "lwa": "x"}, "legal_basis.lwa", "nearest one is law"),
        ({"kind": "gdpr_contract", "law": "x"}, "legal_basis.law", "nearest one is kind"),
        ({"kind": "ferpa_transfer", "notified": "no"}, "legal_basis.notified", "annual_notification"),
        ({"kind": "ferpa_transfer", "notified": "attempted"}, "legal_basis", "attempted_on"),
    ],
)
def test_what_a_right_asks_for_is_there(legal_basis: dict[str, Any], field: str, said: str) -> None:
    found = faults(WHOLE | {"legal_basis": legal_basis})

    assert said in found[f"documents[0].{field}"]
    assert "because" not in str(found)


def test_a_basis_comes_once_in_a_request() -> None:
    assert faults(WHOLE, WHOLE) == {"documents": "a sharing basis is granted once"}
