# SPDX-License-Identifier: Apache-2.0
"""One assessed submission, and the CloudEvent by which the platform would report it.

Equal submissions make equal bytes. The event id follows from assessment, student, attempt,
report and version, so a stream that is fed again is all duplicates.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from uuid import NAMESPACE_URL, uuid5

from pydantic import TypeAdapter

from cairn.cloudevents import CloudEvent
from cairn.events.native import LearnerIdentifier, NativeResult, NativeRetraction
from cairn.events.result import Grader, ScoreRange
from deploy.local.cohort.presentations import Assessment

TENANT = "open-university"
SOURCE = "open-university"
SOURCE_URI = "https://open.ac.uk/assessments"
RECORDED = "org.cairn.ingest.result.recorded.v1"
RETRACTED = "org.cairn.ingest.result.retracted.v1"

_GRADER = {"TMA": Grader.HUMAN, "CMA": Grader.AUTOMATIC}
_result = TypeAdapter(NativeResult)
_retraction = TypeAdapter(NativeRetraction)


@dataclass(frozen=True, slots=True)
class Submission:
    """What a student handed in for an assessment, as graded; ``score`` is percent or missing.

    ``report`` tells apart what the platform says of one attempt more than once under several ids.
    """

    assessment: Assessment
    student: str
    day: int
    score: int | None
    carried_over: bool = False
    attempt: int = 1
    version: int | None = 1
    report: int = 1

    @property
    def event_id(self) -> str:
        """Return the id under which the platform reports it; it names nobody, as it travels on."""
        attempt = "" if self.attempt == 1 else f"-a{self.attempt}"
        report = "" if self.report == 1 else f"-r{self.report}"
        version = "" if self.version in {1, None} else f"-v{self.version}"
        return f"{opaque(self.assessment.number, self.student)}{attempt}{report}{version}"

    @property
    def occurred_at(self) -> datetime:
        return self.assessment.at(self.day)


def recorded(submission: Submission) -> CloudEvent:
    """Report a submission in the native dialect."""
    result = NativeResult(
        learner=_identifier(submission.student),
        activity=f"{SOURCE_URI}/{submission.assessment.number}",
        attempt=submission.attempt,
        score=None if submission.score is None else _percent(submission.score),
        grader=_GRADER.get(submission.assessment.kind, Grader.UNKNOWN),
        carried_over=submission.carried_over,
        occurred_at=submission.occurred_at,
        version=submission.version,
    )
    body = _result.dump_json(result, exclude_none=True)
    return CloudEvent(
        id=submission.event_id, source=SOURCE_URI, type=RECORDED, time=result.occurred_at, data=body
    )


def retracted(submission: Submission, at: datetime) -> CloudEvent:
    """Take back what was, or will be, reported of a submission."""
    retraction = NativeRetraction(
        learner=_identifier(submission.student),
        retracts=submission.event_id,
        reason="entered in error",
        occurred_at=at,
    )
    body = _retraction.dump_json(retraction, exclude_none=True)
    return CloudEvent(
        id=f"{submission.event_id}-retracted", source=SOURCE_URI, type=RETRACTED, time=at, data=body
    )


def opaque(assessment: str, student: str) -> str:
    """Return the opaque id by which the platform knows a student's work for an assessment."""
    return str(uuid5(NAMESPACE_URL, f"{SOURCE_URI}/{assessment}/{student}"))


@cache
def _percent(score: int) -> ScoreRange:
    return ScoreRange(raw=Decimal(score), min=Decimal(0), max=Decimal(100))


def _identifier(student: str) -> LearnerIdentifier:
    return LearnerIdentifier(issuer="https://open.ac.uk", kind="student-number", value=student)
