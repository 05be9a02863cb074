# SPDX-License-Identifier: Apache-2.0
"""Masks over the messages of the contract: which paths there are, and leaving out what is in no path."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from cairn.records.v1 import entry_pb2, learner_record_pb2
from chassis.rpc.refusal import Violation, invalid
from services.records.domain.mask import EACH, EVERYTHING, TOO_LONG, Mask, below, is_too_long, read_mask
from services.records.domain.sharing_basis import View

_MESSAGES: Mapping[View, Descriptor] = {
    View.LEARNER_RECORD: learner_record_pb2.LearnerRecord.DESCRIPTOR,
    View.ENTRY: entry_pb2.Entry.DESCRIPTOR,
    View.ENTRIES: entry_pb2.Entry.DESCRIPTOR,
}
# What a message has and a view never shows.
_NOT_SHOWN: Mapping[View, str] = {View.LEARNER_RECORD: "entries.*.explanation", View.ENTRIES: "explanation"}


def check_fields(view: View, paths: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield which paths are no fields of a view, by number, and what would be right."""
    for number, path in enumerate(paths):
        hidden = _NOT_SHOWN.get(view)
        if hidden is not None and f"{path}.".startswith(f"{hidden}."):
            yield number, "is shown for one entry only"
        elif reason := _fault(_MESSAGES[view], path.split(".")):
            yield number, reason


def asked_mask(view: View, paths: Sequence[str]) -> Mask:
    """Read the mask of a call, where none is everything; raise Refusal."""
    if not paths:
        return EVERYTHING
    if is_too_long(paths):
        raise invalid(Violation("read_mask", TOO_LONG))
    faults = [Violation(f"read_mask.paths[{number}]", reason) for number, reason in check_fields(view, paths)]
    if faults:
        raise invalid(*faults)
    return read_mask(paths)


def keep(message: Message, mask: Mask) -> None:
    """Leave out of a message of the contract what is in no path of a mask."""
    if () not in mask:
        _keep(message, mask)


def _keep(message: Message, mask: Mask) -> None:
    kept = below(mask)
    for field, value in message.ListFields():
        inside = kept.get(field.name)
        if inside is None:
            message.ClearField(field.name)
        elif () not in inside:
            _keep_inside(value, inside, repeated=field.is_repeated)


def _keep_inside(value: Any, inside: Mask, *, repeated: bool) -> None:
    if not repeated:
        _keep(value, inside)
        return
    of_each = below(inside)[EACH]
    for one in value:
        _keep(one, of_each)


def _fault(message: Descriptor, steps: Sequence[str]) -> str:
    """Say what is wrong with a path of names; nothing where it is a field."""
    if steps == [EACH]:
        return ""
    here: Descriptor | None = message
    at: Iterator[str] = iter(steps)
    for step in at:
        if here is None:
            return "goes on behind a field that has no fields"
        field = here.fields_by_name.get(step)
        if field is None:
            return f"must be one of {', '.join(sorted(_names(here)))} there"
        here = field.message_type
        if field.is_repeated and next(at, EACH) != EACH:
            return f"needs {EACH} behind {step}, for each of several"
    return ""


def _names(message: Descriptor) -> Iterable[str]:
    return message.fields_by_name
