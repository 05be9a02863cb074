# SPDX-License-Identifier: Apache-2.0
"""The text of a document, in YAML or JSON, as values; what they mean is for those who ask."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from chassis.rpc.refusal import Violation

LARGEST = 256 * 1024
_REPEATED = "a key is repeated"
_NO_YAML = "this is neither YAML nor JSON"
_MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a request, under the name that errors call it by."""

    name: str
    text: str


class UnreadableDocument(ValueError):
    """A text is no document; the message says why, and where if that is known."""


class _Loader(yaml.SafeLoader):
    """YAML without repeated keys, of which all but the last would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - the loader's own signature
        seen = set()
        for key, _ in node.value:
            said = _MERGE if key.tag == _MERGE else str(self.construct_object(key, deep=True))
            if said in seen:
                raise yaml.constructor.ConstructorError(None, None, _REPEATED, key.start_mark)
            seen.add(said)
        return super().construct_mapping(node, deep)


def parse_document(text: str) -> Any:
    """Return what a text in YAML or JSON says; raise UnreadableDocument."""
    if len(text) > LARGEST:
        raise UnreadableDocument(f"a document has at most {LARGEST} characters")
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = "" if mark is None else f" at line {mark.line + 1}, column {mark.column + 1}"
        reason = (_REPEATED if error.problem == _REPEATED else _NO_YAML) + at
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        reason = _NO_YAML
    # Outside of the handler: what the parser says shows parts of the text.
    raise UnreadableDocument(reason)


def place_of(parts: Iterable[int | str]) -> str:
    """Write a place in a document as in ``activities[2].weight``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".")


def in_request(place: str, reason: str, number: int, document: Document) -> Violation:
    """Write what is wrong at a place of a document with the place of that document in the request."""
    field = f"documents[{number}]" + (f".{place}" if place else "")
    named = f"{document.name}: " if document.name else ""
    return Violation(field, named + reason)
