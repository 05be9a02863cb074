# SPDX-License-Identifier: Apache-2.0
"""What a document says, and why a text is none."""

import pytest

from chassis.documents import LARGEST, UnreadableDocument, parse_document


def test_yaml_and_json_are_read_alike() -> None:
    assert parse_document("a: [1, two]") == parse_document('{"a": [1, "two"]}') == {"a": [1, "two"]}


def test_a_merge_is_read() -> None:
    assert parse_document("x: &x {a: 1}\ny:\n  <<: *x\n  b: 2")["y"] == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\nb: 2\na: 3", "a key is repeated at line 3, column 1"),
        ("yes: 1\ntrue: 2", "a key is repeated at line 2, column 1"),
        ("a: {b: 1, b: 2}", "a key is repeated at line 1, column 11"),
        ("a: [", "this is neither YAML nor JSON at line 1, column 5"),
        ("a: !!python/object:os.system {}", "this is neither YAML nor JSON at line 1, column 4"),
        ("[" * 10_000, "this is neither YAML nor JSON"),
        ("x" * (LARGEST + 1), f"a document has at most {LARGEST} characters"),
    ],
)
def test_what_is_none_is_refused_by_place(text: str, reason: str) -> None:
    with pytest.raises(UnreadableDocument) as refused:
        parse_document(text)
    assert str(refused.value) == reason
    assert refused.value.__context__ is None
