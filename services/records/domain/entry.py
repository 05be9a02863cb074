# SPDX-License-Identifier: Apache-2.0
"""The entry as it is stored: everything that a decision stated, in one canonical form.

The canonical form is everything except recorded time, position and trace context (design section 3).
The hash chain covers it byte for byte, so it is stored as those bytes and never written again.
"""

import json
from dataclasses import dataclass as plain_dataclass
from datetime import date

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from cairn.events.decision import Credit, DecisionMade
from cairn.events.entry import EntryKind
from cairn.events.explanation import Allotment, Finding, RuleReference
from cairn.events.wire import FROM_WIRE, Instant, Revision, Slug
from cairn.ids import Learner, Tenant, derived_id


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class Statement:
    """What an entry states: the decision it follows from, at its place in the learner's sequence."""

    tenant: Tenant
    learner: Learner
    entry_id: str
    sequence: Revision
    kind: EntryKind
    credential: Slug
    title: str
    decision_id: str
    rule: RuleReference
    explanation: Finding
    grounds: tuple[str, ...]
    credits: tuple[Credit, ...]
    allotments: tuple[Allotment, ...]
    effective_on: date
    reason: str
    due_on: date | None
    addressee: str
    revision: Revision
    supersedes: str | None
    as_of: Instant


@plain_dataclass(frozen=True, slots=True)
class Entry:
    """One line of the record, closing the learner's chain up to itself."""

    statement: Statement
    canonical: bytes
    previous_hash: bytes
    hash: bytes


_statements = TypeAdapter(Statement)


def state(decision: DecisionMade, kind: EntryKind, sequence: int) -> Statement:
    """State what a decision did to an award, as the learner's next line."""
    subject = f"entry:{decision.credential}"
    entry_id = derived_id(
        decision.tenant, decision.learner, subject, decision.revision, [decision.decision_id]
    )
    return Statement(
        tenant=decision.tenant,
        learner=decision.learner,
        entry_id=entry_id,
        sequence=sequence,
        kind=kind,
        credential=decision.credential,
        title=decision.title,
        decision_id=decision.decision_id,
        rule=decision.rule,
        explanation=decision.explanation,
        grounds=decision.grounds,
        credits=decision.credits,
        allotments=decision.allotments,
        effective_on=decision.effective_on,
        reason=decision.reason,
        due_on=decision.due_on,
        addressee=decision.addressee,
        revision=decision.revision,
        supersedes=decision.supersedes,
        as_of=decision.as_of,
    )


def canonical_form(statement: Statement) -> bytes:
    """Write a statement as RFC 8785 canonical JSON.

    Of texts, small integers, booleans and null alone, under ASCII names, that is what the standard
    library writes in C with sorted keys; a test holds it against an RFC 8785 library.
    """
    content = _statements.dump_python(statement, mode="json")
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def read_statement(canonical: bytes) -> Statement:
    """Read what :func:`canonical_form` wrote, now or in an earlier version."""
    return _statements.validate_json(canonical)
