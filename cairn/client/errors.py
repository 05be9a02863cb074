# SPDX-License-Identifier: Apache-2.0
"""What a call can fail with, one leaf for each thing that a caller can do about it.

CallError
├── RefusedError         never repeat unchanged; violations name the places
│   ├── NotFoundError
│   ├── DeniedError
│   └── ImmutableError   published with other content: publish the next version
├── MovedError           read again, then repeat
├── UnavailableError     repeat later, after as many seconds as it says
└── FailedError          the service's own mistake, or an answer that it must not give
"""

from dataclasses import dataclass, replace
from typing import cast

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

DOMAIN = "cairn.dev"


@dataclass(frozen=True, slots=True)
class Violation:
    """One place that was refused, and what would be right there."""

    field: str
    description: str


class CallError(Exception):
    """A call failed; ``reason`` is a name of ``cairn.errors.v1.ErrorReason`` without its prefix."""

    again_after: float = 0.0
    """The seconds after which to repeat, where the service says it."""

    def __init__(self, message: str, reason: str = "", violations: tuple[Violation, ...] = ()) -> None:
        places = (f"{each.field}: {each.description}" for each in violations)
        super().__init__("; ".join((message, *places)))
        self.message = message
        self.reason = reason
        self.violations = violations


class RefusedError(CallError):
    """What was sent can never be accepted."""


class NotFoundError(RefusedError):
    """There is no such thing."""


class DeniedError(RefusedError):
    """The caller may not ask, whether or not there is such a thing."""


class ImmutableError(RefusedError):
    """This version is published with other content."""


class MovedError(CallError):
    """What the call read has moved since."""


class UnavailableError(CallError):
    """The service, or something that it needs, is not there at present."""


class FailedError(CallError):
    """The service made a mistake."""


_of_reason: dict[str, type[CallError]] = {
    "INVALID_FIELD": RefusedError,
    "INVALID_PAGE_TOKEN": RefusedError,
    "NOT_FOUND": NotFoundError,
    "PERMISSION_DENIED": DeniedError,
    "VERSION_IMMUTABLE": ImmutableError,
    "REQUEST_ID_REUSED": RefusedError,
    "UNAVAILABLE": UnavailableError,
    "CONFLICT": MovedError,
    "INTERNAL": FailedError,
    "UNIMPLEMENTED": FailedError,
    "LIMIT_REACHED": UnavailableError,
}
# For an error that gRPC itself made on the way, and for a reason that a later version adds.
_of_code: dict[grpc.StatusCode, type[CallError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: RefusedError,
    grpc.StatusCode.FAILED_PRECONDITION: RefusedError,
    # gRPC's own word for a message that is too large.
    grpc.StatusCode.RESOURCE_EXHAUSTED: RefusedError,
    # Said by a server to which too many calls wait; a call that its own side ends raises no error of gRPC's.
    grpc.StatusCode.CANCELLED: UnavailableError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.PERMISSION_DENIED: DeniedError,
    grpc.StatusCode.UNAUTHENTICATED: DeniedError,
    grpc.StatusCode.ABORTED: MovedError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: UnavailableError,
}


def error_of(error: grpc.aio.AioRpcError) -> CallError:
    """Return the typed error of a failed call, its details (AIP-193) read."""
    # It reads only what a call and its error have in common; its types know the synchronous call alone.
    status = rpc_status.from_call(cast("grpc.Call", error))
    details = _Details() if status is None else _details(status)
    kind = _of_reason.get(details.reason) or _of_code.get(error.code(), FailedError)
    found = kind(error.details() or error.code().name, details.reason, details.violations)
    found.again_after = details.again_after
    return found


@dataclass(frozen=True, slots=True)
class _Details:
    reason: str = ""
    violations: tuple[Violation, ...] = ()
    again_after: float = 0.0


def _details(status: status_pb2.Status) -> _Details:
    info, request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    again = error_details_pb2.RetryInfo()
    found = _Details()
    for detail in status.details:
        if detail.Unpack(info) and info.domain == DOMAIN:
            found = replace(found, reason=info.reason)
        elif detail.Unpack(request):
            places = (Violation(each.field, each.description) for each in request.field_violations)
            found = replace(found, violations=tuple(places))
        elif detail.Unpack(again):
            found = replace(found, again_after=again.retry_delay.ToTimedelta().total_seconds())
    return found
