# SPDX-License-Identifier: Apache-2.0
"""Each kind of break is found, in the real schema of an event, and a compatible change is none."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from cairn.schemas import check
from cairn.schemas.compare import Break, breaks
from cairn.schemas.json_schema import all_schemas, schema_of

Schema = dict[str, Any]

RESULT = schema_of("org.cairn.assessment.result.recorded.v1")
DECISION = schema_of("org.cairn.recognition.decision.made.v1")


def changed(schema: Schema, *change: Callable[[Schema], object]) -> Schema:
    new = copy.deepcopy(schema)
    for each in change:
        each(new)
    return new


def field(name: str, **keywords: Any) -> Callable[[Schema], object]:
    return lambda schema: schema["properties"][name].update(keywords)


BREAKS: list[tuple[str, Schema, Callable[[Schema], object], Break]] = [
    ("removed", RESULT, lambda it: it["properties"].pop("grader"), Break("grader", "was removed")),
    (
        "newly required",
        RESULT,
        lambda it: it["required"].append("attempt"),
        Break("attempt", "is newly required"),
    ),
    (
        "new and required",
        RESULT,
        lambda it: (it["properties"].update(room={"type": "string"}), it["required"].append("room")),
        Break("room", "is newly required"),
    ),
    (
        "no longer required",
        RESULT,
        lambda it: it["required"].remove("activity"),
        Break("activity", "is no longer required, and released readers insist on it"),
    ),
    ("type", RESULT, field("carried_over", type="string"), Break("carried_over", "has its type changed")),
    ("pattern", RESULT, field("tenant", pattern="^x$"), Break("tenant", "has its pattern changed")),
    (
        "pattern where none was",
        RESULT,
        field("result_id", pattern="^x$"),
        Break("result_id", "has its pattern added"),
    ),
    ("upper limit", RESULT, field("attempt", maximum=9), Break("attempt", "has its maximum narrowed")),
    ("lower limit", RESULT, field("attempt", minimum=2), Break("attempt", "has its minimum narrowed")),
    (
        "a longer text",
        RESULT,
        field("activity", maxLength=9999),
        Break("activity", "has its maxLength widened"),
    ),
    ("format", RESULT, field("occurred_at", format="date"), Break("occurred_at", "has its format changed")),
    ("default", RESULT, field("attempt", default=2), Break("attempt", "has its default changed")),
    ("constant", RESULT, field("kind", const="mark"), Break("kind", "has its const changed")),
    (
        "value removed",
        RESULT,
        lambda it: it["$defs"]["Outcome"]["enum"].remove("waived"),
        Break("outcome", "lost the value 'waived'"),
    ),
    (
        "value added to a closed list",
        RESULT,
        lambda it: it["$defs"]["Outcome"]["enum"].append("excused"),
        Break("outcome", "has the new value 'excused', which released readers do not know"),
    ),
    (
        "value added to a closed list in place",
        DECISION,
        lambda it: it["$defs"]["Finding"]["properties"]["kind"]["enum"].append("count"),
        Break("explanation.kind", "has the new value 'count', which released readers do not know"),
    ),
    (
        "inside a model",
        RESULT,
        lambda it: it["$defs"]["ScoreRange"]["properties"].pop("max"),
        Break("score.max", "was removed"),
    ),
    (
        "inside a list",
        DECISION,
        lambda it: it["$defs"]["Credit"]["required"].append("level"),
        Break("credits.[].level", "is newly required"),
    ),
    (
        "inside a model that contains itself",
        DECISION,
        lambda it: it["$defs"]["Finding"]["properties"].pop("note"),
        Break("explanation.note", "was removed"),
    ),
    (
        "no longer nullable",
        RESULT,
        lambda it: it["properties"]["version"]["anyOf"].pop(),
        Break("version", "has its anyOf changed"),
    ),
    (
        "closed to unknown fields",
        RESULT,
        lambda it: it.update(additionalProperties=False),
        Break("", "has its additionalProperties added"),
    ),
]


@pytest.mark.parametrize(
    ("schema", "change", "expected"), [each[1:] for each in BREAKS], ids=[it[0] for it in BREAKS]
)
def test_a_break_is_found_and_named(
    schema: Schema, change: Callable[[Schema], object], expected: Break
) -> None:
    assert breaks(schema, changed(schema, change)) == [expected]


COMPATIBLE: dict[str, Callable[[Schema], object]] = {
    "none": lambda _: None,
    "optional": lambda it: it["properties"].update(room={"type": "string", "default": ""}),
    "optional of a model": lambda it: it["properties"].update(room={"$ref": "#/$defs/Outcome"}),
    "optional inside": lambda it: it["$defs"]["ScoreRange"]["properties"].update(step={"type": "string"}),
    "said better": lambda it: it.update(description="said better", title="Renamed"),
    "not referred to": lambda it: it["$defs"].update(Unused={"enum": ["x"]}),
    "order of needs": lambda it: it["required"].reverse(),
    "order of values": lambda it: it["$defs"]["Outcome"]["enum"].reverse(),
}


@pytest.mark.parametrize("change", COMPATIBLE.values(), ids=COMPATIBLE)
def test_a_compatible_change_is_no_break(change: Callable[[Schema], object]) -> None:
    assert breaks(RESULT, changed(RESULT, change)) == []


def test_a_model_under_another_name_is_no_break() -> None:
    text = json.dumps(RESULT).replace("ScoreRange", "Mark")
    assert breaks(RESULT, json.loads(text)) == []


def test_a_type_that_is_gone_is_a_break_and_a_new_one_is_none() -> None:
    schemas = all_schemas()
    fewer = {name: schema for name, schema in schemas.items() if "retracted" not in name}
    assert check.all_breaks(fewer, schemas) == {}
    assert set(check.all_breaks(schemas, fewer)) == schemas.keys() - fewer.keys()


def test_the_present_schemas_do_not_break_the_released_ones() -> None:
    assert check.main([]) == 0
