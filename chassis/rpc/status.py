# SPDX-License-Identifier: Apache-2.0
"""From an error to a status: the one place that does it (design section 9, AIP-193)."""

from collections.abc import Iterable
from typing import assert_never

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from chassis.errors import Conflict, Reject, Retry
from chassis.rpc.refusal import ErrorReason, LimitReached, Refusal, Violation
from chassis.sqlstate import OUTSIDE, REDO

DOMAIN = "cairn.dev"


def status_of(error: Exception) -> status_pb2.Status:
    """Return the rich status of an error; what is not ours and not outside is internal."""
    match error:
        case Refusal():
            places = _places(error.violations)
            return _status(_code(error.error_reason), error.error_reason, error.reason, places)
        case Reject():
            places = _places([Violation(error.field, error.reason)])
            return _status(
                code_pb2.INVALID_ARGUMENT, "INVALID_FIELD", "the request cannot be accepted", places
            )
        case Conflict():
            return _status(code_pb2.ABORTED, "CONFLICT", error.reason)
        case LimitReached():
            again = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=error.seconds))
            return _status(code_pb2.RESOURCE_EXHAUSTED, "LIMIT_REACHED", error.reason, [again])
        case Retry():
            return _status(code_pb2.UNAVAILABLE, "UNAVAILABLE", error.reason)
        case _:
            return _foreign(error)


def _foreign(error: Exception) -> status_pb2.Status:
    if isinstance(error, REDO):
        return _status(code_pb2.ABORTED, "CONFLICT", "what the call read has moved since")
    if isinstance(error, OUTSIDE):
        return _status(code_pb2.UNAVAILABLE, "UNAVAILABLE", "something outside is not there at present")
    return _internal()


def _internal() -> status_pb2.Status:
    return _status(code_pb2.INTERNAL, "INTERNAL", "a mistake of the service's own")


def _code(reason: ErrorReason) -> int:
    match reason:
        case "INVALID_FIELD" | "INVALID_PAGE_TOKEN":
            return code_pb2.INVALID_ARGUMENT
        case "NOT_FOUND":
            return code_pb2.NOT_FOUND
        case "PERMISSION_DENIED":
            return code_pb2.PERMISSION_DENIED
        case "VERSION_IMMUTABLE" | "REQUEST_ID_REUSED":
            return code_pb2.FAILED_PRECONDITION
        case "UNIMPLEMENTED":
            return code_pb2.UNIMPLEMENTED
        case _:
            assert_never(reason)


def _places(violations: Iterable[Violation]) -> list[Message]:
    """Return the detail that names each place at fault; none where none is."""
    named = [
        error_details_pb2.BadRequest.FieldViolation(field=each.field, description=each.description)
        for each in violations
    ]
    return [error_details_pb2.BadRequest(field_violations=named)] if named else []


def _status(code: int, reason: str, message: str, more: Iterable[Message] = ()) -> status_pb2.Status:
    status = status_pb2.Status(code=code, message=message)
    for detail in (error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN), *more):
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def expected(status: status_pb2.Status) -> bool:
    """Tell whether a status needs no developer's attention."""
    return status.code != grpc.StatusCode.INTERNAL.value[0]
