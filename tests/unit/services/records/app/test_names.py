# SPDX-License-Identifier: Apache-2.0
"""Resource names are read exactly, and refused without being quoted."""

from uuid import UUID

import pytest

from chassis.rpc.refusal import Refusal
from services.records.app.names import EntryName, Scope, read_entry, read_learner, read_parent

ID = UUID("6a1c4a53-52a7-5d6c-9d0e-0c4f5b0f7c11")


def test_names_are_read() -> None:
    assert read_learner("institutions/ou/learners/l1") == ("ou", "l1")
    assert read_parent("institutions/ou") == Scope("ou", None)  # type: ignore[arg-type]
    assert read_parent("institutions/ou/learners/l1") == Scope("ou", "l1")  # type: ignore[arg-type]
    assert read_entry(f"institutions/ou/learners/l1/entries/{ID}") == EntryName(Scope("ou", "l1"), ID)  # type: ignore[arg-type]
    assert read_entry(f"institutions/ou/learners/-/entries/{ID}") == EntryName(Scope("ou", None), ID)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "institutions/ou",
        "institutions/ou/learners/-",
        "institutions/ou/learners/Ada Lovelace",
        "institutions/ou/learners/l1/",
        "institutions/OU/learners/l1",
        f"institutions/ou/learners/l1/entries/{ID}",
    ],
)
def test_a_learner_is_named_in_full(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        read_learner(name)

    assert refused.value.field == "name"
    assert "Ada" not in str(refused.value.violations)


@pytest.mark.parametrize("parent", ["", "institutions/-", "institutions/ou/learners/-", "institutions/ou,b"])
def test_a_list_never_crosses_institutions(parent: str) -> None:
    with pytest.raises(Refusal):
        read_parent(parent)


@pytest.mark.parametrize("name", ["institutions/ou/learners/l1", "institutions/ou/learners/l1/entries/7"])
def test_an_entry_is_named_by_its_id(name: str) -> None:
    with pytest.raises(Refusal):
        read_entry(name)
