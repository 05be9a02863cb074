# SPDX-License-Identifier: Apache-2.0
"""From an error to a status: the one place that does it (design section 9, AIP-193)."""

from typing import assert_never

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from chassis.errors import Conflict, Reject, Retry
from chassis.rpc.refusal import ErrorReason, Refusal, Violation
from chassis.sqlstate import OUTSIDE, REDO

DOMAIN = "cairn.dev"


def status_of(error: Exception) -> status_pb2.Status:
    """Return the rich status of an error; what is not ours and not outside is internal."""
    match error:
        case Refusal():
            return _status(_code(error.error_reason), error.error_reason, error.reason, error.violations)
        case Reject():
            violations = [Violation(error.field, error.reason)]
            return _status(
                code_pb2.INVALID_ARGUMENT, "INVALID_FIELD", "the request cannot be accepted", violations
            )
        case Conflict():
            return _status(code_pb2.ABORTED, "CONFLICT", error.reason)
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


def _status(
    code: int, reason: str, message: str, violations: "tuple[Violation, ...] | list[Violation]" = ()
) -> status_pb2.Status:
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN)]
    if violations:
        details.append(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(
                        field=each.field, description=each.description
                    )
                    for each in violations
                ]
            )
        )
    status = status_pb2.Status(code=code, message=message)
    for detail in details:
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def expected(status: status_pb2.Status) -> bool:
    """Tell whether a status needs no developer's attention."""
    return status.code != grpc.StatusCode.INTERNAL.value[0]
