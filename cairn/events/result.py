# SPDX-License-Identifier: Apache-2.0
"""The canonical assessment result: what intake makes of every platform's dialect.

Carried by ``assessment.results.v1``. A result is a fact: it is never changed, only followed by a
later version of the same attempt or by a retraction, in any order of arrival.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from cairn.amounts import Score
from cairn.events.wire import FROM_WIRE, EventId, Instant, Slug, Uri
from cairn.ids import Learner, Tenant


class Outcome(StrEnum):
    """What the platform says came of the attempt; never trusted as a verdict on its own."""

    SCORED = "scored"
    PASSED = "passed"
    FAILED = "failed"
    COMPLETED = "completed"
    WAIVED = "waived"


class Finality(StrEnum):
    """Whether the platform may still change the result without saying so."""

    PROVISIONAL = "provisional"
    FINAL = "final"
    HIDDEN = "hidden"


class Integrity(StrEnum):
    """What is known about the honesty of the attempt."""

    CLEAR = "clear"
    PENDING = "pending"
    REJECTED = "rejected"


class Grader(StrEnum):
    """Who graded."""

    HUMAN = "human"
    AUTOMATIC = "automatic"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class ScoreRange:
    """A score with its own scale, so that no platform's ``scaled`` value is ever needed."""

    raw: Score
    min: Score
    max: Score

    def __post_init__(self) -> None:
        """Refuse a scale without extent and a score outside it."""
        if not self.min < self.max:
            message = "max must be greater than min"
            raise ValueError(message)
        if not self.min <= self.raw <= self.max:
            message = "raw must lie between min and max"
            raise ValueError(message)


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class ResultRecorded:
    """One assessed attempt at one activity, as a platform reported it.

    ``result_id`` is derived from tenant, source and source event id. Of two results of one
    attempt the one with the greater ``version``, or else the later ``modified_at``, holds; where
    neither orders them they conflict. ``recorded_at`` is the instant intake stamped once, the
    ``as_of`` of everything that follows from this result.
    """

    kind: Literal["result"] = "result"
    tenant: Tenant
    learner: Learner
    source: Slug
    source_event_id: EventId
    result_id: str
    activity: Uri
    attempt: Annotated[int, Field(ge=1, le=10_000)] = 1
    score: ScoreRange | None = None
    outcome: Outcome = Outcome.SCORED
    finality: Finality = Finality.FINAL
    integrity: Integrity = Integrity.CLEAR
    grader: Grader = Grader.UNKNOWN
    carried_over: bool = False
    occurred_at: Instant
    recorded_at: Instant
    version: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    modified_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class ResultRetracted:
    """The platform takes a result back; it may arrive before the result that it names."""

    kind: Literal["retraction"] = "retraction"
    tenant: Tenant
    learner: Learner
    source: Slug
    source_event_id: EventId
    result_id: str
    retracts: str
    """The ``result_id`` that no longer counts."""
    reason: Annotated[str, Field(max_length=500)] = ""
    occurred_at: Instant
    recorded_at: Instant


type_of_result = {
    "org.cairn.assessment.result.recorded.v1": ResultRecorded,
    "org.cairn.assessment.result.retracted.v1": ResultRetracted,
}
