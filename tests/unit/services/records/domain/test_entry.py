# SPDX-License-Identifier: Apache-2.0
"""The canonical form is RFC 8785's, holds everything, and can be read again."""

import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from cairn.events.decision import DecisionKind, DecisionMade
from cairn.events.entry import EntryKind
from services.records.domain.entry import Statement, canonical_form, read_statement, state
from tests.unit.services.records.decisions import any_decision, decision

statements = st.builds(
    state,
    any_decision(DecisionKind.CONFERRED, 1, "aaa"),
    st.sampled_from(EntryKind),
    st.integers(1, 2**31 - 1),
)


@given(statements)
def test_the_canonical_form_is_that_of_rfc_8785(statement: Statement) -> None:
    assert canonical_form(statement) == rfc8785.dumps(
        TypeAdapter(Statement).dump_python(statement, mode="json")
    )


@given(statements)
def test_what_was_written_is_read_again(statement: Statement) -> None:
    read = read_statement(canonical_form(statement))

    assert read == statement
    assert canonical_form(read) == canonical_form(statement)


def test_a_later_version_may_have_written_more() -> None:
    canonical = canonical_form(state(decision(DecisionKind.CONFERRED, 1), EntryKind.CONFERRED, 1))

    assert read_statement(canonical.replace(b'{"', b'{"a_new_field":1,"', 1)).sequence == 1


def test_a_statement_holds_every_field_of_its_decision() -> None:
    assert set(DecisionMade.__dataclass_fields__) <= set(Statement.__dataclass_fields__)


def test_ids_follow_from_the_decision_alone() -> None:
    made = decision(DecisionKind.CONFERRED, 1)

    assert state(made, EntryKind.CONFERRED, 1).entry_id == state(made, EntryKind.CONFERRED, 7).entry_id
    assert (
        state(made, EntryKind.CONFERRED, 1).entry_id
        != state(decision(DecisionKind.CONFERRED, 2), EntryKind.CONFERRED, 1).entry_id
    )
