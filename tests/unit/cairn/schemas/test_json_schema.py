# SPDX-License-Identifier: Apache-2.0
"""The schemas say what readers do, by the judgement of an independent validator."""

import json
from datetime import datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from cairn.events.catalogue import CATALOGUE, Event, EventError, dump, event_type, parse
from cairn.schemas.json_schema import all_schemas, schema_of
from tests.unit.cairn.events.examples import EXAMPLES, FULL, LEAST

WRONG = [None, True, 7, -1, 1.5, "", "~ wrong ~", [], [1], {}, {"x": 1}]
FORMATS = FormatChecker()


@FORMATS.checks("date-time", raises=ValueError)
def has_a_zone(text: object) -> bool:
    return not isinstance(text, str) or datetime.fromisoformat(text).tzinfo is not None


def validator(type_name: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of(type_name), format_checker=FORMATS)


@pytest.mark.parametrize("type_name", sorted(CATALOGUE))
def test_a_schema_is_a_schema(type_name: str) -> None:
    schema = all_schemas()[type_name]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:cairn:schema:{type_name}"
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("event", EXAMPLES)
def test_what_we_write_obeys_its_schema(event: Event) -> None:
    validator(event_type(event)).validate(json.loads(dump(event)))


@pytest.mark.parametrize("event", FULL, ids=event_type)
def test_schema_and_reader_agree_on_what_must_be_there(event: Event) -> None:
    whole = json.loads(dump(event))
    for name in whole:
        agree(event_type(event), {key: value for key, value in whole.items() if key != name})


@pytest.mark.parametrize("event", FULL, ids=event_type)
@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_schema_and_reader_agree_on_types_and_limits(event: Event, wrong: Any) -> None:
    whole = json.loads(dump(event))
    for name in whole:
        agree(event_type(event), {**whole, name: wrong})


@pytest.mark.parametrize(
    "score", ["1234567890.1234567890", "0.1", "-3", "12345678901", "1.12345678901", "NaN", "1/2", ""]
)
def test_schema_and_reader_agree_on_scores(score: str) -> None:
    least = json.loads(dump(LEAST[0]))
    agree(event_type(LEAST[0]), {**least, "score": {"raw": score, "min": "-100", "max": "9999999999"}})


def agree(type_name: str, data: dict[str, Any]) -> None:
    allowed = validator(type_name).is_valid(data)
    if allowed or not isinstance(data.get("score"), int | float):  # readers take a number too
        assert allowed is is_read(type_name, data), data


def is_read(type_name: str, data: dict[str, Any]) -> bool:
    try:
        parse(type_name, json.dumps(data).encode())
    except EventError:
        return False
    return True
