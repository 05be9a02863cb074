# SPDX-License-Identifier: Apache-2.0
"""Every error becomes one rich status, and none of them tells what must not be told."""

from typing import TypeVar

import asyncpg
import pytest
from google.rpc import code_pb2, error_details_pb2, status_pb2

from cairn.errors.v1.error_reason_pb2 import ErrorReason
from chassis.errors import Bug, CairnError, Conflict, Reject, Retry
from chassis.rpc.caller import is_loopback
from chassis.rpc.refusal import LimitReached, Refusal, Violation, invalid
from chassis.rpc.status import status_of

D = TypeVar("D", error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo)


def detail(status: status_pb2.Status, index: int, model: type[D]) -> D:
    unpacked = model()
    assert status.details[index].Unpack(unpacked)
    return unpacked


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (Reject("must be positive", "page_size"), code_pb2.INVALID_ARGUMENT, "INVALID_FIELD"),
        (Refusal("INVALID_PAGE_TOKEN", "not one"), code_pb2.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN"),
        (Refusal("NOT_FOUND", "no such rule"), code_pb2.NOT_FOUND, "NOT_FOUND"),
        (Refusal("PERMISSION_DENIED", "not yours"), code_pb2.PERMISSION_DENIED, "PERMISSION_DENIED"),
        (Refusal("VERSION_IMMUTABLE", "published"), code_pb2.FAILED_PRECONDITION, "VERSION_IMMUTABLE"),
        (Refusal("REQUEST_ID_REUSED", "used"), code_pb2.FAILED_PRECONDITION, "REQUEST_ID_REUSED"),
        (Refusal("UNIMPLEMENTED", "no method"), code_pb2.UNIMPLEMENTED, "UNIMPLEMENTED"),
        (Retry("the broker is away"), code_pb2.UNAVAILABLE, "UNAVAILABLE"),
        (LimitReached("too many are open", 5), code_pb2.RESOURCE_EXHAUSTED, "LIMIT_REACHED"),
        (Conflict("moved"), code_pb2.ABORTED, "CONFLICT"),
        (Bug("cannot be"), code_pb2.INTERNAL, "INTERNAL"),
        (CairnError("of no kind"), code_pb2.INTERNAL, "INTERNAL"),
        (asyncpg.SerializationError("x"), code_pb2.ABORTED, "CONFLICT"),
        (asyncpg.TooManyConnectionsError("x"), code_pb2.UNAVAILABLE, "UNAVAILABLE"),
        (ConnectionRefusedError(), code_pb2.UNAVAILABLE, "UNAVAILABLE"),
        (KeyError("x"), code_pb2.INTERNAL, "INTERNAL"),
    ],
)
def test_each_error_has_its_code_and_its_documented_reason(error: Exception, code: int, reason: str) -> None:
    status = status_of(error)
    info = detail(status, 0, error_details_pb2.ErrorInfo)

    assert status.code == code
    assert (info.domain, info.reason) == ("cairn.dev", reason)
    assert f"ERROR_REASON_{reason}" in ErrorReason.keys()  # noqa: SIM118 - an enum wrapper is no mapping


def test_every_violation_names_its_place() -> None:
    status = status_of(
        invalid(Violation("documents[0].title", "is missing"), Violation("parent", "is empty"))
    )
    request = detail(status, 1, error_details_pb2.BadRequest)

    named = [(each.field, each.description) for each in request.field_violations]
    assert named == [("documents[0].title", "is missing"), ("parent", "is empty")]


def test_when_to_come_again_is_told_where_a_limit_is_reached() -> None:
    told = detail(status_of(LimitReached("too many are open", 5)), 1, error_details_pb2.RetryInfo)

    assert told.retry_delay.ToSeconds() == 5


@pytest.mark.parametrize("error", [Bug("learner 4711"), ValueError("learner 4711"), OSError("learner 4711")])
def test_what_is_not_for_the_caller_is_not_told(error: Exception) -> None:
    assert b"4711" not in status_of(error).SerializeToString()


@pytest.mark.parametrize(
    ("peer", "answer"),
    [
        ("ipv4:127.0.0.1:5000", True),
        ("ipv6:%5B::1%5D:5000", True),
        ("unix:/run/cairn", True),
        ("ipv4:10.0.0.1:5000", False),
        ("ipv6:[2001:db8::1]:5000", False),
        ("", False),
    ],
)
def test_only_this_machine_is_loopback(peer: str, answer: bool) -> None:
    assert is_loopback(peer) is answer
