# SPDX-License-Identifier: Apache-2.0
"""The rule document: what facts earn a credential, who confers it, and examples that prove it.

A rule is data that a registrar writes. A published version is immutable and dated.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from cairn.amounts import Amount
from cairn.events.attainment import AttainmentStatus
from cairn.events.decision import Credit
from cairn.events.explanation import Answer
from cairn.events.wire import Revision, Slug, Uri
from services.recognition.domain.requirement import (
    DOCUMENT,
    Level,
    Requirement,
    Title,
    require,
    require_credit,
)


class CredentialKind(StrEnum):
    """What an institution awards."""

    MICRO_CREDENTIAL = "micro_credential"
    CERTIFICATE = "certificate"
    DIPLOMA = "diploma"
    DEGREE = "degree"


class Conferral(StrEnum):
    """Who makes the award part of the record."""

    AUTOMATIC = "automatic"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class GivenCredit:
    """Credit that comes with the credential, in one system."""

    amount: Amount
    system: Slug
    level: Level | None = None

    def __post_init__(self) -> None:
        """Refuse credit that is none."""
        require_credit(self.amount)


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class Credential:
    """What the rule awards, and who confers it."""

    id: Slug
    title: Annotated[str, Field(min_length=1, max_length=500)]
    kind: CredentialKind
    conferral: Conferral
    addressee: Slug = "registrar"
    credits: Annotated[tuple[GivenCredit, ...], Field(max_length=20)] = ()

    @property
    def credit_given(self) -> tuple[Credit, ...]:
        """The credit as it is published."""
        return tuple(Credit(amount=one.amount, system=one.system, level=one.level) for one in self.credits)


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class Review:
    """Who looks into an award whose grounds have fallen away, and by when."""

    due_in_days: Annotated[int, Field(ge=1, le=3660)] = 30
    addressee: Slug = "registrar"


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class GivenAttainment:
    """An attainment that an example supposes."""

    competency: Uri
    status: AttainmentStatus = AttainmentStatus.DEMONSTRATED
    score: Amount | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class SupposedAward:
    """A credential that an example supposes to be held, or to be under review."""

    credential: Slug
    standing: Literal["held", "under_review"] = "held"


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class Given:
    """The facts that an example supposes; what is not named is not there."""

    competencies: tuple[GivenAttainment, ...] = ()
    credentials: tuple[SupposedAward, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class Example:
    """Facts and the answer that the author expects of the rule."""

    title: Title = ""
    given: Given = Given()
    expect: Answer


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class Rule:
    """One version of a rule, as its author wrote it; a published version is immutable."""

    rule: Slug
    title: Title = ""
    version: Revision
    effective_from: date | None = None
    effective_to: date | None = None
    credential: Credential
    review: Review = Review()
    requirement: Requirement
    examples: Annotated[tuple[Example, ...], Field(max_length=200)] = ()

    def __post_init__(self) -> None:
        """Refuse a rule that is never in force."""
        if self.effective_from and self.effective_to:
            require(self.effective_from < self.effective_to, "effective_to must be after effective_from")

    def in_force(self, day: date) -> bool:
        """Tell whether the rule is effective on a day; ``effective_to`` is the first day that it is not."""
        return (self.effective_from or date.min) <= day and (
            self.effective_to is None or day < self.effective_to
        )
