# SPDX-License-Identifier: Apache-2.0
"""The record of one learner as of two times: what was true on a day, as known at an instant.

Every entry is a statement that holds from its effective day on, and of one award the statement
written last speaks, whatever its day: a correction that reaches back is a later entry with an
earlier day.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple, assert_never

from cairn.events.decision import Credit
from cairn.events.entry import EntryKind
from cairn.events.explanation import Allotment, RuleReference
from services.records.domain.entry import Statement


class AwardState(StrEnum):
    """Where an award stands; under review it stands until a person has decided."""

    CONFERRED = "conferred"
    UNDER_REVIEW = "under_review"
    UPHELD = "upheld"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An entry with its place in the tenant's record; an entry without one counts as recorded now."""

    statement: Statement
    previous_hash: bytes
    hash: bytes
    position: int | None
    recorded_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Award:
    """One credential of the learner; ``entry_id`` is the latest entry that speaks of it."""

    credential: str
    title: str
    state: AwardState
    credits: tuple[Credit, ...]
    allotments: tuple[Allotment, ...]
    conferred_on: date | None
    rule: RuleReference
    entry_id: str
    reason: str
    due_on: date | None
    addressee: str


@dataclass(frozen=True, slots=True)
class CreditTotal:
    """What the awards in good standing are worth together in one credit system."""

    system: str
    amount: Fraction


@dataclass(frozen=True, slots=True)
class AsOf:
    """What is asked: the last day whose truth counts, and the instant whose knowledge counts."""

    effective: date | None
    recorded: datetime | None


@dataclass(frozen=True, slots=True)
class LearnerRecord:
    """What the institution stands behind about one learner.

    ``entries`` are those that are known and effective; ``head`` is the last one that is known,
    effective or not.
    """

    awards: tuple[Award, ...]
    credits: tuple[CreditTotal, ...]
    entries: tuple[Recorded, ...]
    head: Recorded | None


class Reach(NamedTuple):
    """How far the record of a learner has come: the last sequence, and the last one that has a position.

    0 is none. A learner's positions are given in order of sequence, so that two looks that find the
    same reach have seen the same entries with the same positions.
    """

    sequence: int
    positioned: int


def reach(entries: Sequence[Recorded]) -> Reach:
    """Return how far all entries of a learner, given in order of sequence, reach."""
    positioned = [entry.statement.sequence for entry in entries if entry.position is not None]
    return Reach(entries[-1].statement.sequence if entries else 0, positioned[-1] if positioned else 0)


def learner_record(entries: Sequence[Recorded], as_of: AsOf) -> LearnerRecord:
    """Conclude the record from all entries of a learner, given in order of sequence."""
    known = [entry for entry in entries if _known(entry, as_of.recorded)]
    effective = tuple(entry for entry in known if _effective(entry, as_of.effective))
    awards = _awards(entry.statement for entry in effective)
    return LearnerRecord(awards, credit_totals(awards), effective, known[-1] if known else None)


def _known(entry: Recorded, at: datetime | None) -> bool:
    return at is None or (entry.recorded_at is not None and entry.recorded_at <= at)


def _effective(entry: Recorded, on: date | None) -> bool:
    return on is None or entry.statement.effective_on <= on


def _awards(statements: Iterable[Statement]) -> tuple[Award, ...]:
    awards: dict[str, Award] = {}
    for statement in statements:
        awards[statement.credential] = _speak(awards.get(statement.credential), statement)
    return tuple(awards[credential] for credential in sorted(awards))


def _speak(before: Award | None, statement: Statement) -> Award:
    """Return the award as an entry leaves it.

    A review and a withdrawal say nothing of credits, and an entry that upholds an award may not:
    what it was worth stays with it.
    """
    stated = _stated(before, statement)
    match statement.kind:
        case EntryKind.CONFERRED:
            return replace(stated, conferred_on=statement.effective_on)
        case EntryKind.REALLOTTED:
            return stated
        case EntryKind.UPHELD | EntryKind.UNDER_REVIEW | EntryKind.WITHDRAWN:
            if before is None or statement.credits:
                return stated
            return replace(stated, credits=before.credits, allotments=before.allotments)
        case _:
            assert_never(statement.kind)


def _stated(before: Award | None, statement: Statement) -> Award:
    return Award(
        credential=statement.credential,
        title=statement.title,
        state=_state(before, statement.kind),
        credits=statement.credits,
        allotments=statement.allotments,
        conferred_on=before.conferred_on if before else None,
        rule=statement.rule,
        entry_id=statement.entry_id,
        reason=statement.reason,
        due_on=statement.due_on,
        addressee=statement.addressee,
    )


def _state(before: Award | None, kind: EntryKind) -> AwardState:
    match kind:
        case EntryKind.CONFERRED:
            return AwardState.CONFERRED
        case EntryKind.REALLOTTED:
            return before.state if before else AwardState.CONFERRED
        case EntryKind.UNDER_REVIEW:
            return AwardState.UNDER_REVIEW
        case EntryKind.UPHELD:
            return AwardState.UPHELD
        case EntryKind.WITHDRAWN:
            return AwardState.WITHDRAWN
        case _:
            assert_never(kind)


def credit_totals(awards: Iterable[Award]) -> tuple[CreditTotal, ...]:
    """Sum the credits of the awards in good standing, each credit once (I6).

    An award that rests on other awards carries their credits and not as many again, whichever of their
    systems it asked for: of its own it adds only what goes beyond them.
    """
    held = {award.credential: award for award in awards}
    totals: defaultdict[str, Fraction] = defaultdict(Fraction)
    for award in held.values():
        if award.state in {AwardState.CONFERRED, AwardState.UPHELD}:
            for system, amount in _of_its_own(award, held).items():
                totals[system] += amount
    return tuple(CreditTotal(system, totals[system]) for system in sorted(totals) if totals[system])


def _of_its_own(award: Award, held: Mapping[str, Award]) -> dict[str, Fraction]:
    worth: defaultdict[str, Fraction] = defaultdict(Fraction)
    for credit in award.credits:
        worth[credit.system] += credit.amount
    for credential in {used.credential for used in award.allotments}:
        for carried in _carried(award, credential, held):
            worth[carried.system] -= carried.amount
    return {system: max(amount, Fraction(0)) for system, amount in worth.items()}


def _carried(award: Award, credential: str, held: Mapping[str, Award]) -> Sequence[Credit | Allotment]:
    """Return the credits that an award carries of another, all of which it uses or none (I6)."""
    used = held.get(credential)
    if used is not None and used.credits:
        return used.credits
    return [allotment for allotment in award.allotments if allotment.credential == credential]
