# SPDX-License-Identifier: Apache-2.0
"""Requirements: the nodes of a rule, each with an id that stays the same when the rule is edited.

The classes have the shape of the document, so that what an author reads is what is hashed. Six
kinds of requirement, closed: adding one is a change of the language.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, Any, TypeAlias, cast

from pydantic import ConfigDict, Discriminator, Field, StringConstraints, Tag
from pydantic.dataclasses import dataclass, rebuild_dataclass

from cairn.amounts import Amount
from cairn.events.explanation import RequirementKind
from cairn.events.wire import Slug, Uri

DOCUMENT = ConfigDict(
    extra="forbid", arbitrary_types_allowed=True, validate_by_name=True, validate_by_alias=True
)
"""Documents refuse unknown keys: a misspelt one would silently change what the author meant."""

KINDS: tuple[RequirementKind, ...] = ("all", "any", "n_of", "competency", "credential", "credits")

MOST_CREDIT = 1_000_000
CREDIT_PARTS = 126_000  # 2^4 * 3^2 * 5^3 * 7

Title = Annotated[str, Field(max_length=500)]
Level = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,2}$")]
"""A level of a framework; levels are compared as numbers."""


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class AllOf:
    """Every one of these."""

    id: Slug
    title: Title = ""
    all: Annotated[tuple[Requirement, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class AnyOf:
    """At least one of these."""

    id: Slug
    title: Title = ""
    any: Annotated[tuple[Requirement, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class Choice:
    """So many, and of what."""

    n: Annotated[int, Field(ge=1)]
    of: Annotated[tuple[Requirement, ...], Field(min_length=1)]

    def __post_init__(self) -> None:
        """Refuse a choice that nobody could make."""
        require(
            self.n <= len(self.of), "n must not be greater than the number of requirements to choose from"
        )


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class NOf:
    """At least ``n`` of these."""

    id: Slug
    title: Title = ""
    n_of: Choice


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class Competency:
    """A competency is demonstrated now, with at least this share of the scale where one is named."""

    id: Slug
    title: Title = ""
    competency: Uri
    min_score: Amount | None = None

    def __post_init__(self) -> None:
        """Refuse a score outside the scale."""
        require(self.min_score is None or 0 <= self.min_score <= 1, "min_score must lie between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class HeldCredential:
    """A credential is held in good standing."""

    id: Slug
    title: Title = ""
    credential: Slug


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class CreditSum:
    """How much credit of which held credentials, each used at most once over all awards (I6)."""

    amount: Amount
    system: Slug
    sources: Annotated[tuple[Slug, ...], Field(min_length=1, max_length=1000, alias="from")]
    level_at_least: Level | None = None

    def __post_init__(self) -> None:
        """Refuse a sum that is always reached and a source that is named twice."""
        require_credit(self.amount)
        require(len(set(self.sources)) == len(self.sources), "a credential is named once in from")


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class Credits:
    """Held credentials add up to this much credit."""

    id: Slug
    title: Title = ""
    credits: CreditSum


def kind_of(requirement: Any) -> str | None:
    """Return which kind of requirement this is; None for what names no kind or several."""
    if isinstance(requirement, dict):
        named = [kind for kind in KINDS if kind in requirement]
        return named[0] if len(named) == 1 else None
    return next((kind for kind in KINDS if hasattr(requirement, kind)), None)


Requirement: TypeAlias = Annotated[
    Annotated[AllOf, Tag("all")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[NOf, Tag("n_of")]
    | Annotated[Competency, Tag("competency")]
    | Annotated[HeldCredential, Tag("credential")]
    | Annotated[Credits, Tag("credits")],
    Discriminator(kind_of),
]

for _class in (AllOf, AnyOf, Choice, NOf):
    rebuild_dataclass(cast("Any", _class), force=True)


def children_of(requirement: Requirement) -> tuple[Requirement, ...]:
    """Return the requirements directly below one."""
    match requirement:
        case AllOf():
            return requirement.all
        case AnyOf():
            return requirement.any
        case NOf():
            return requirement.n_of.of
        case Competency() | HeldCredential() | Credits():
            return ()


def walk(requirement: Requirement) -> Iterator[Requirement]:
    """Yield a requirement and all below it, in the order of the document."""
    yield requirement
    for child in children_of(requirement):
        yield from walk(child)


def threshold(requirement: AllOf | AnyOf | NOf) -> int:
    """Return how many of its children a requirement needs."""
    match requirement:
        case AllOf():
            return len(requirement.all)
        case AnyOf():
            return 1
        case NOf():
            return requirement.n_of.n


def require(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Refuse, in a sentence that its author can act on, a document that does not hold."""
    if not holds:
        raise ValueError(otherwise)


def require_credit(amount: Fraction) -> None:
    """Refuse an amount of credit that is none, or that could not be added up exactly on the wire.

    The parts allow halves, thirds, sevenths and thousandths, and sums stay far below 20 digits.
    """
    require(0 < amount <= MOST_CREDIT, f"amount must be greater than 0 and at most {MOST_CREDIT}")
    require(CREDIT_PARTS % amount.denominator == 0, f"amount must be a multiple of 1/{CREDIT_PARTS}")
