# SPDX-License-Identifier: Apache-2.0
"""The gRPC contracts say what the event models say, and follow the AIPs that buf does not check."""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor

from cairn.assessment.v1 import policy_pb2, policy_service_pb2
from cairn.client.errors import _of_reason
from cairn.errors.v1.error_reason_pb2 import ErrorReason
from cairn.events.entry import EntryKind
from cairn.events.explanation import Answer, RequirementKind
from cairn.recognition.v1 import rule_pb2, rule_service_pb2
from cairn.records.v1 import entry_pb2, finding_pb2, learner_record_pb2, record_service_pb2
from chassis.rpc import refusal, status

FILES: tuple[FileDescriptor, ...] = tuple(
    module.DESCRIPTOR
    for module in (
        policy_pb2,
        policy_service_pb2,
        rule_pb2,
        rule_service_pb2,
        entry_pb2,
        finding_pb2,
        learner_record_pb2,
        record_service_pb2,
    )
)


def messages() -> Iterator[Descriptor]:
    for file in FILES:
        yield from file.message_types_by_name.values()


def fields() -> Iterator[FieldDescriptor]:
    for message in messages():
        yield from message.fields


@pytest.mark.parametrize(
    ("ours", "prefix", "names"),
    [
        (list(Answer), "ANSWER_", finding_pb2.Answer.keys()),
        (list(EntryKind), "ENTRY_KIND_", entry_pb2.EntryKind.keys()),
        (get_args(RequirementKind), "REQUIREMENT_KIND_", finding_pb2.RequirementKind.keys()),
    ],
)
def test_closed_lists_are_the_same_in_events_and_answers(
    ours: list[str], prefix: str, names: list[str]
) -> None:
    assert [f"{prefix}UNSPECIFIED", *(f"{prefix}{each.upper()}" for each in ours)] == list(names)


def test_every_reason_is_documented_and_typed_for_the_caller() -> None:
    documented = {name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()} - {"UNSPECIFIED"}  # noqa: SIM118

    assert set(_of_reason) == documented
    assert (
        set(get_args(refusal.ErrorReason)) | {"UNAVAILABLE", "CONFLICT", "INTERNAL", "LIMIT_REACHED"}
        == documented
    )
    assert status.DOMAIN == "cairn.dev"


@pytest.mark.parametrize("field", list(fields()), ids=lambda field: field.full_name)
def test_every_field_says_how_it_behaves(field: FieldDescriptor) -> None:
    options: Any = field.GetOptions()  # its types do not know extensions that are lists
    assert len(options.Extensions[field_behavior_pb2.field_behavior]) > 0  # AIP-203


@pytest.mark.parametrize("field", list(fields()), ids=lambda field: field.full_name)
def test_no_number_is_a_float(field: FieldDescriptor) -> None:
    assert field.type not in {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT}  # I10


@pytest.mark.parametrize(
    "message", [each for each in messages() if each.name.startswith("List")], ids=lambda each: each.name
)
def test_every_list_is_paged(message: Descriptor) -> None:
    names = set(message.fields_by_name)
    if message.name.endswith("Request"):
        # AIP-158; a read of the record says what for, and how much of it.
        assert names - {"purpose", "read_mask"} == {"parent", "page_size", "page_token"}
    else:
        assert message.fields_by_number[1].is_repeated
        assert "next_page_token" in names
