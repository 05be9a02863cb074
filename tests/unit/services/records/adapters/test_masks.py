# SPDX-License-Identifier: Apache-2.0
"""Of a message leaves what is in a mask."""

from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.type.date_pb2 import Date
from hypothesis import given
from hypothesis import strategies as st

from cairn.records.v1 import entry_pb2, finding_pb2, learner_record_pb2
from chassis.rpc.refusal import Refusal
from services.records.adapters.masks import asked_mask, check_fields, keep
from services.records.domain.mask import EVERYTHING, both, read_mask
from services.records.domain.sharing_basis import View

PATHS = (
    "awards",
    "awards.*.title",
    "awards.*.credits",
    "awards.*.credits.*.amount",
    "entries",
    "entries.*.rule.version",
    "entries.*.kind",
    "chain_head",
    "chain_head.hash",
    "credits.*.system",
    "effective_as_of",
    "*",
)
masks = st.lists(st.sampled_from(PATHS), max_size=5).map(tuple).map(read_mask)


def record() -> learner_record_pb2.LearnerRecord:
    credit = entry_pb2.Credit(amount="15", system="ects")
    rule = finding_pb2.RuleReference(rule="r", version=2, hash="0")
    entry = entry_pb2.Entry(name="n/e", sequence=1, kind=entry_pb2.ENTRY_KIND_CONFERRED, rule=rule)
    award = learner_record_pb2.Award(credential="c", title="t", credits=[credit, credit])
    return learner_record_pb2.LearnerRecord(
        name="n",
        awards=[award, award],
        entries=[entry],
        chain_head=learner_record_pb2.ChainHead(sequence=1, hash="ab"),
        credits=[credit],
        effective_as_of=Date(year=2026),
    )


def leaves(value: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """Return the paths of all that is said, each of several as a star."""
    if isinstance(value, dict):
        return {leaf for name, below in value.items() for leaf in leaves(below, (*path, name))}
    if isinstance(value, list):
        return {leaf for below in value for leaf in leaves(below, (*path, "*"))}
    return {path}


def said(message: Any) -> set[tuple[str, ...]]:
    return leaves(MessageToDict(message, preserving_proto_field_name=True))


@given(masks)
def test_what_is_left_is_what_the_mask_holds(mask: frozenset[tuple[str, ...]]) -> None:
    message = record()
    keep(message, mask)

    held = {leaf for leaf in said(record()) if any(leaf[: len(path)] == path for path in mask)}
    assert said(message) == held


@given(masks, masks)
def test_one_mask_after_the_other_is_both(
    one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]
) -> None:
    at_once, in_turn = record(), record()
    keep(at_once, both(one, other))
    keep(in_turn, one)
    keep(in_turn, other)

    # Done at once, it does not even tell how many there are of what both leave nothing of.
    assert said(at_once) == said(in_turn)


def test_everything_is_left_as_it_is() -> None:
    message = record()
    keep(message, EVERYTHING)

    assert message == record()


def test_paths_that_are_no_fields_are_named_by_number() -> None:
    paths = [*PATHS, "awards.title", "marks", "name.first", "awards.*.credits.*.sum", ""]
    found = dict(check_fields(View.LEARNER_RECORD, paths))

    assert sorted(found) == list(range(len(PATHS), len(paths)))
    assert found[len(PATHS)] == "needs * behind awards, for each of several"
    assert not list(check_fields(View.ENTRY, ["explanation.children.*.title", "*"]))
    assert dict(check_fields(View.ENTRIES, ["awards"])) != {}
    hidden = "is shown for one entry only"
    assert dict(check_fields(View.ENTRIES, ["explanation", "explanation.title", "kind"])) == {
        0: hidden,
        1: hidden,
    }
    assert dict(check_fields(View.LEARNER_RECORD, ["entries.*.explanation.title"])) == {0: hidden}


def test_a_mask_of_a_call_has_its_length() -> None:
    assert asked_mask(View.ENTRY, ["kind"]) == {("kind",)}
    assert asked_mask(View.ENTRY, []) == EVERYTHING
    long = ".".join(["explanation", *["children", "*"] * 100, "title"])
    for paths in ([long], ["kind"] * 201):
        with pytest.raises(Refusal) as raised:
            asked_mask(View.ENTRY, paths)
        assert [each.field for each in raised.value.violations] == ["read_mask"]
