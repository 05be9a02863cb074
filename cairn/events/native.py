# SPDX-License-Identifier: Apache-2.0
"""The native dialect: what a platform publishes when it speaks Cairn's own form.

Accepted at the HTTP door and on ``ingest.<source>.v1``. It is the only model with an identifier
from outside; intake turns that into an opaque learner id and nothing behind intake sees it.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints
from pydantic.dataclasses import dataclass

from cairn.events.result import Finality, Grader, Integrity, Outcome, ScoreRange
from cairn.events.wire import FROM_WIRE, EventId, Instant, Uri

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=512)]


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class LearnerIdentifier:
    """Who the platform says it was: an issuer, the kind of identifier, and its value."""

    issuer: Uri
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
    value: Identifier = Field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class NativeResult:
    """One assessed attempt, in Cairn's own form; fields as in the canonical result.

    ``tenant`` need not be sent; one that differs from the source's own tenant is refused.
    """

    kind: Literal["result"] = "result"
    learner: LearnerIdentifier
    activity: Uri
    attempt: Annotated[int, Field(ge=1, le=10_000)] = 1
    score: ScoreRange | None = None
    outcome: Outcome = Outcome.SCORED
    finality: Finality = Finality.FINAL
    integrity: Integrity = Integrity.CLEAR
    grader: Grader = Grader.UNKNOWN
    carried_over: bool = False
    occurred_at: Instant
    version: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    modified_at: Instant | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class NativeRetraction:
    """The platform takes back the result that it sent under the event id ``retracts``."""

    kind: Literal["retraction"] = "retraction"
    learner: LearnerIdentifier
    retracts: EventId
    reason: Annotated[str, Field(max_length=500)] = ""
    occurred_at: Instant
    tenant: str | None = None


type_of_native = {
    "org.cairn.ingest.result.recorded.v1": NativeResult,
    "org.cairn.ingest.result.retracted.v1": NativeRetraction,
}
