# SPDX-License-Identifier: Apache-2.0
"""The mastery policy: when results demonstrate a competency.

A policy is data that an institution writes. A published version is immutable and dated; its
numbers are exact, so a number with a fraction is written as text (``"0.40"``).
"""

from dataclasses import fields
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from cairn.amounts import Amount
from cairn.events.wire import Revision, Slug, Uri

DOCUMENT = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
"""Documents refuse unknown keys: a misspelt one would silently change what the author meant."""


class Method(StrEnum):
    """How the counting results of a competency make one score."""

    HIGHEST = "highest"
    LATEST = "latest"
    WEIGHTED_MEAN = "weighted_mean"


class Attempts(StrEnum):
    """Which attempt at an activity a mean takes."""

    HIGHEST = "highest"
    LATEST = "latest"


class Exclusion(StrEnum):
    """What an institution may leave out on top of what never counts."""

    CARRIED_OVER = "carried_over"


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class CountedActivity:
    """An activity that counts, and its weight in a mean."""

    activity: Uri
    weight: Amount = Fraction(1)

    def __post_init__(self) -> None:
        """Refuse a weight that would count against the learner or not at all."""
        _require(self.weight > 0, "weight must be greater than 0")


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class Band:
    """A level of a rubric, reached at a share of the scale."""

    band: Slug
    at: Amount


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class Bands:
    """A rubric: its levels from the lowest to the highest, under the name of its scheme."""

    scheme: Slug
    levels: Annotated[tuple[Band, ...], Field(min_length=1, max_length=100)]

    def __post_init__(self) -> None:
        """Refuse levels that are not in ascending order within the scale."""
        shares = [level.at for level in self.levels]
        _require(all(0 <= at <= 1 for at in shares), "at must lie between 0 and 1")
        _require(shares == sorted(set(shares)), "levels must ascend, each at its own share")
        _require(len({level.band for level in self.levels}) == len(shares), "a band is named once")

    def reached(self, score: Fraction) -> Slug | None:
        """Return the highest band that a score reaches, if any."""
        return next((level.band for level in reversed(self.levels) if score >= level.at), None)


@dataclass(frozen=True, slots=True, kw_only=True, config=DOCUMENT)
class Policy:
    """One version of a mastery policy, as its author wrote it (design section 5)."""

    policy: Slug
    competency: Uri
    title: Annotated[str, Field(min_length=1, max_length=500)]
    version: Revision
    effective_from: date | None = None
    effective_to: date | None = None
    method: Method
    threshold: Amount
    activities: Annotated[tuple[CountedActivity, ...], Field(min_length=1, max_length=1000)]
    attempts: Attempts = Attempts.HIGHEST
    exclude: tuple[Exclusion, ...] = ()
    bands: Bands | None = None
    valid_for_months: Annotated[int, Field(ge=1, le=1200)] | None = None

    def __post_init__(self) -> None:
        """Refuse a policy that no result could satisfy or that contradicts itself."""
        _require(0 <= self.threshold <= 1, "threshold must lie between 0 and 1")
        listed = {counted.activity for counted in self.activities}
        _require(len(listed) == len(self.activities), "an activity is listed once")
        _require(len(set(self.exclude)) == len(self.exclude), "an exclusion is listed once")
        if self.effective_from and self.effective_to:
            _require(self.effective_from < self.effective_to, "effective_to must be after effective_from")


PLACES: dict[tuple[str, ...], tuple[str, ...]] = {
    (): tuple(field.name for field in fields(Policy)),
    ("activities",): tuple(field.name for field in fields(CountedActivity)),
    ("bands",): tuple(field.name for field in fields(Bands)),
    ("bands", "levels"): tuple(field.name for field in fields(Band)),
}
"""The valid keys at each place of a document, so that a refusal can name the nearest one."""


def _require(holds: bool, otherwise: str) -> None:  # noqa: FBT001 -- reads as a sentence
    if not holds:
        raise ValueError(otherwise)
