# SPDX-License-Identifier: Apache-2.0
"""A sharing basis: on what right a partner is told what of whom, for which purpose and for how long.

It is never changed. It ends with its last day, or by a revocation.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from cairn.events.wire import Slug
from cairn.ids import is_opaque
from services.records.domain.days import beginning_of, end_of
from services.records.domain.legal_basis import CLAUSES, Day, LegalBasis, days_of
from services.records.domain.mask import TOO_LONG, is_too_long
from services.records.domain.partner import Flag, Partner


class View(StrEnum):
    """What can be shared: each has the fields of one message of the contract."""

    LEARNER_RECORD = "learner_record"
    ENTRY = "entry"
    ENTRIES = "entries"


def _opaque(value: str) -> str:
    if not is_opaque(value):
        raise ValueError("must be an opaque id")
    return value


FieldPath = Annotated[str, Field(min_length=1, max_length=200)]
"""Which field of an answer: names with dots between, ``*`` for each of several (AIP-161)."""
Fields = Annotated[tuple[FieldPath, ...], Field(min_length=1, max_length=100)]


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class SharingBasis:
    """One sharing basis, as its document says it."""

    basis: Slug
    partner: Slug
    purpose: Slug
    legal_basis: LegalBasis
    learner: Annotated[str, AfterValidator(_opaque)] | None = None
    every_learner: Flag = False
    views: Annotated[Mapping[View, Fields], Field(min_length=1)]
    first_day: Day
    last_day: Day | None = None
    time_zone: Annotated[str, Field(min_length=1, max_length=64)]
    """Whose days the first and the last are."""
    history: Flag = False
    """Whether the record may be asked for as of another day or instant: that tells when what was recorded."""

    @property
    def starts_at(self) -> datetime:
        """The first instant at which it holds."""
        return beginning_of(self.first_day, self.time_zone)

    @property
    def ends_at(self) -> datetime | None:
        """The first instant at which it holds no longer; None where it has no last day."""
        return None if self.last_day is None else end_of(self.last_day, self.time_zone)


class Fault(NamedTuple):
    """What is wrong with a sharing basis, and in which key of its document."""

    place: str
    reason: str


def faults_of(new: SharingBasis, partner: Partner | None, today: date) -> Iterator[Fault]:
    """Yield why a basis cannot be granted beside the newest version of its partner."""
    if partner is None or partner.withdrawn:
        yield Fault("partner", "must be a partner that is published and not withdrawn")
    elif partner.own:
        yield Fault("partner", "must be another institution: its own record it reads without a basis")
    if (new.learner is None) != new.every_learner:
        yield Fault("learner", "one learner is named, or every_learner is true, and not both")
    if new.every_learner and not CLAUSES[new.legal_basis.kind].every_learner:
        yield Fault("every_learner", "this legal basis is of one learner")
    for view, paths in new.views.items():
        if is_too_long(paths):
            yield Fault(f"views.{view}", TOO_LONG)
    yield from _of_days(new, today)


def _of_days(new: SharingBasis, today: date) -> Iterator[Fault]:
    if new.last_day is None and not new.every_learner:
        yield Fault("last_day", "is needed where one learner is named")
    if new.last_day is not None and new.last_day < max(new.first_day, today):
        yield Fault("last_day", "must not be before the first day, nor over already")
    for name, day in days_of(new.legal_basis).items():
        if day > today:
            yield Fault(f"legal_basis.{name}", "must not lie ahead")
