# SPDX-License-Identifier: Apache-2.0
"""The rights under which an institution tells another of a learner, and what each of them asks for.

A closed table: what no row names is not told. Which row applies is for the institution to judge; the row
makes sure that what its clause asks to be on record is on record.
"""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Annotated, Literal, NamedTuple, TypeAlias

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

_WRITTEN = ConfigDict(extra="forbid")
Text = Annotated[str, Field(min_length=1, max_length=500)]
Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2999, 12, 31))]


@dataclass(frozen=True, slots=True, kw_only=True, config=_WRITTEN)
class FerpaConsent:
    """A signed and dated written consent; purpose and recipient are those of the basis."""

    kind: Literal["ferpa_consent"]
    records: Text
    """The records that may be disclosed, as the consent specifies them."""
    signed_on: Day
    signature: Literal["written", "electronic"]


@dataclass(frozen=True, slots=True, kw_only=True, config=_WRITTEN)
class FerpaTransfer:
    """To an institution where the student seeks or intends to enrol, or is enrolled."""

    kind: Literal["ferpa_transfer"]
    notified: Literal["initiated_by_student", "annual_notification", "attempted"]
    """Why the student knows."""
    attempted_on: Day | None = None
    """The day on which it was attempted to notify the student."""

    def __post_init__(self) -> None:
        """Refuse an attempt without its day, and a day without an attempt."""
        if (self.notified == "attempted") != (self.attempted_on is not None):
            raise ValueError("attempted_on is the day of the attempt: needed with it, and only with it")


@dataclass(frozen=True, slots=True, kw_only=True, config=_WRITTEN)
class Consent:
    """The learner's own word, of which the institution can show that it was given."""

    kind: Literal["gdpr_consent", "au_consent", "nz_authorisation"]
    given_on: Day
    evidence: Text
    """Where the consent is kept: a reference, not its text."""


@dataclass(frozen=True, slots=True, kw_only=True, config=_WRITTEN)
class NamedConsent:
    """The learner's own word about information that the learner has identified in particular."""

    kind: Literal["on_consent"]
    records: Text
    """The information, as the learner has identified it."""
    given_on: Day
    evidence: Text


@dataclass(frozen=True, slots=True, kw_only=True, config=_WRITTEN)
class Contract:
    """What a contract with the learner, or steps at the learner's request before one, cannot do without."""

    kind: Literal["gdpr_contract"]


@dataclass(frozen=True, slots=True, kw_only=True, config=_WRITTEN)
class UnderLaw:
    """A law demands it, or entrusts the institution with a task that needs it."""

    kind: Literal["gdpr_legal_obligation", "gdpr_public_task", "au_law"]
    law: Text
    """Which law, and which of its provisions."""


MODELS = (FerpaConsent, FerpaTransfer, Consent, NamedConsent, Contract, UnderLaw)
LegalBasis: TypeAlias = Annotated[
    FerpaConsent | FerpaTransfer | Consent | NamedConsent | Contract | UnderLaw, Field(discriminator="kind")
]


class Clause(NamedTuple):
    """What a right is, and what it asks of a basis besides its own fields."""

    source: str
    verified: bool
    """Whether the words of the source were read for this row."""
    every_learner: bool = False
    """Whether a basis may be for all learners of the institution."""
    notice: str = ""
    """What the recipient is told with each answer."""


_REDISCLOSURE = (
    "You may use this only for the purpose for which it was disclosed, and not disclose it to any other party"
    " without the prior consent of the student, but as 34 CFR 99.33 allows."
)
# A row never says anything else: where a law changes it gets a kind of its own.
CLAUSES: Mapping[str, Clause] = {
    "ferpa_consent": Clause("34 CFR 99.30", verified=True, notice=_REDISCLOSURE),
    "ferpa_transfer": Clause("34 CFR 99.31(a)(2), 99.34(a)(1)", verified=True, notice=_REDISCLOSURE),
    "gdpr_consent": Clause("Regulation (EU) 2016/679, articles 6(1)(a) and 7(1)", verified=False),
    "gdpr_contract": Clause("Regulation (EU) 2016/679, article 6(1)(b)", verified=False),
    "gdpr_legal_obligation": Clause(
        "Regulation (EU) 2016/679, article 6(1)(c) and (3)", verified=False, every_learner=True
    ),
    "gdpr_public_task": Clause(
        "Regulation (EU) 2016/679, article 6(1)(e) and (3)", verified=False, every_learner=True
    ),
    "au_consent": Clause("Privacy Act 1988 (Australia), APP 6.1(a)", verified=False),
    "au_law": Clause("Privacy Act 1988 (Australia), APP 6.2(b)", verified=False, every_learner=True),
    "nz_authorisation": Clause(
        "Privacy Act 2020 (New Zealand), section 22, principle 11(1)(c)", verified=False
    ),
    "on_consent": Clause(
        "Freedom of Information and Protection of Privacy Act (Ontario), 42(1)(b)", verified=False
    ),
}


def days_of(basis: LegalBasis) -> Mapping[str, date]:
    """Return the days that a legal basis names, by field: none of them may still lie ahead."""
    named = {field.name: getattr(basis, field.name) for field in fields(basis)}
    return {name: value for name, value in named.items() if isinstance(value, date)}
