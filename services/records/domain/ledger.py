# SPDX-License-Identifier: Apache-2.0
"""From a decision to the entry that it makes, to nothing, or to a contradiction.

Only conferral makes an entry of an award. What is proposed or referred, and the closing of a
proposal, is history of recognition and no line of the record. A decision that cannot follow what
the ledger says is never written down.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias, assert_never

from cairn.events.decision import DecisionKind, DecisionMade
from cairn.events.entry import EntryKind
from services.records.domain.chain import BEGINNING, link_hash
from services.records.domain.entry import Entry, canonical_form, state


class Standing(StrEnum):
    """How an award stands in the ledger."""

    ABSENT = "absent"
    GOOD = "good"
    UNDER_REVIEW = "under_review"


@dataclass(frozen=True, slots=True)
class AwardHead:
    """The newest decision taken in on one award, and how the award stands after it."""

    revision: int = 0
    standing: Standing = Standing.ABSENT
    decision_id: str | None = None
    """Which decision that was; not known of one that was passed over, or taken in before it was kept."""


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The newest entry of a learner: its sequence number and hash."""

    sequence: int = 0
    hash: bytes = BEGINNING


@dataclass(frozen=True, slots=True)
class Heads:
    """Where a learner's ledger ends, in one award."""

    chain: ChainHead = field(default_factory=ChainHead)
    award: AwardHead = field(default_factory=AwardHead)


@dataclass(frozen=True, slots=True)
class Past:
    """The decision is older than what the ledger has, and changes nothing."""


@dataclass(frozen=True, slots=True)
class Noted:
    """The decision makes no entry; only the award's revision moves on."""

    heads: Heads


@dataclass(frozen=True, slots=True)
class Written:
    """The decision makes an entry."""

    heads: Heads
    entry: Entry


@dataclass(frozen=True, slots=True)
class Contradiction:
    """The decision cannot follow what the ledger says; ``reason`` is a stable code."""

    reason: str


Outcome: TypeAlias = Past | Noted | Written | Contradiction


def follow(heads: Heads, decision: DecisionMade) -> Outcome:
    """Conclude what one decision does to a learner's ledger.

    Another decision of the newest revision comes from a recognition that was restored to before it: a person
    has to look at what the record says of both.
    """
    if decision.revision <= heads.award.revision:
        newest = decision.revision == heads.award.revision
        other = heads.award.decision_id not in {None, decision.decision_id}
        return Contradiction("another_decision") if newest and other else Past()
    if decision.revision > heads.award.revision + 1:
        return Contradiction("revision_gap")
    match _step(heads.award.standing, decision.kind):
        case None:
            return Contradiction(f"{decision.kind}_while_{heads.award.standing}")
        case standing, None:
            return Noted(Heads(heads.chain, AwardHead(decision.revision, standing, decision.decision_id)))
        case standing, EntryKind() as kind:
            entry = _write(heads.chain, decision, kind)
            head = ChainHead(entry.statement.sequence, entry.hash)
            return Written(Heads(head, AwardHead(decision.revision, standing, decision.decision_id)), entry)


def _write(head: ChainHead, decision: DecisionMade, kind: EntryKind) -> Entry:
    statement = state(decision, kind, head.sequence + 1)
    canonical = canonical_form(statement)
    return Entry(statement, canonical, head.hash, link_hash(head.hash, canonical))


def _step(standing: Standing, kind: DecisionKind) -> tuple[Standing, EntryKind | None] | None:
    """Return how the award stands next and the entry this makes, or None for a contradiction."""
    match standing:
        case Standing.ABSENT:
            return _from_absent(kind)
        case Standing.GOOD:
            return _from_good(kind)
        case Standing.UNDER_REVIEW:
            return _from_review(kind)
        case _:
            assert_never(standing)


def _from_absent(kind: DecisionKind) -> tuple[Standing, EntryKind | None] | None:
    match kind:
        case DecisionKind.PROPOSED | DecisionKind.REFERRED | DecisionKind.WITHDRAWN:
            return Standing.ABSENT, None
        case DecisionKind.CONFERRED:
            return Standing.GOOD, EntryKind.CONFERRED
        case DecisionKind.REALLOTTED | DecisionKind.UNDER_REVIEW | DecisionKind.UPHELD:
            return None
        case _:
            assert_never(kind)


def _from_good(kind: DecisionKind) -> tuple[Standing, EntryKind | None] | None:
    match kind:
        case DecisionKind.REALLOTTED:
            return Standing.GOOD, EntryKind.REALLOTTED
        case DecisionKind.UNDER_REVIEW:
            return Standing.UNDER_REVIEW, EntryKind.UNDER_REVIEW
        case DecisionKind.WITHDRAWN:
            return Standing.ABSENT, EntryKind.WITHDRAWN
        case DecisionKind.PROPOSED | DecisionKind.REFERRED | DecisionKind.CONFERRED | DecisionKind.UPHELD:
            return None
        case _:
            assert_never(kind)


def _from_review(kind: DecisionKind) -> tuple[Standing, EntryKind | None] | None:
    match kind:
        case DecisionKind.UPHELD:
            return Standing.GOOD, EntryKind.UPHELD
        case DecisionKind.WITHDRAWN:
            return Standing.ABSENT, EntryKind.WITHDRAWN
        case (
            DecisionKind.PROPOSED
            | DecisionKind.REFERRED
            | DecisionKind.CONFERRED
            | DecisionKind.REALLOTTED
            | DecisionKind.UNDER_REVIEW
        ):
            return None
        case _:
            assert_never(kind)
