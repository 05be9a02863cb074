# SPDX-License-Identifier: Apache-2.0
"""From the texts of a request to values of one model, each fault with its place; and their canonical JSON.

The canonical JSON (RFC 8785) is that of the normalised document, without what is left as it is by default:
how an author wrote it changes no hash, nor does a key that comes to be later.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from hashlib import sha256
from typing import Any, TypeVar

import rfc8785
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from chassis.documents import Document, UnreadableDocument, in_request, parse_document, place_of
from chassis.errors import Reject
from chassis.rpc.refusal import Violation, invalid

_UNKNOWN = "unexpected_keyword_argument"
_OF_A_KEY = "[key]"
_NO_MODEL = "union_tag_invalid"

D = TypeVar("D")
Faults = list[tuple[str, str]]
"""Places in a document, and what is wrong there."""


def read_each(
    documents: Sequence[Document],
    read: Callable[[str], D | Faults],
    once: Callable[[D], str],
    said: str,
) -> list[D]:
    """Read documents; raise Refusal naming every fault, and ``said`` where two are ``once`` the same."""
    if not documents:
        raise invalid(Violation("documents", "at least one document is needed"))
    found: list[D] = []
    violations: list[Violation] = []
    for number, document in enumerate(documents):
        value = read(document.text)
        if isinstance(value, list):
            violations += [in_request(place, reason, number, document) for place, reason in value]
        else:
            found.append(value)
    if len({once(each) for each in found}) < len(found):
        violations.append(Violation("documents", said))
    if violations:
        raise invalid(*violations)
    return found


def read_model(
    model: TypeAdapter[D], text: str, keys: Mapping[str, Collection[str]], unions: Collection[str] = ()
) -> D | Faults:
    """Read a text as a model, or say what is wrong with it.

    ``keys`` are the valid ones of each mapping by its place, which is empty for the document itself. Behind
    a key of ``unions`` an error names the kind that it takes the value for: a part of the place in ``keys``,
    and not of the one that is told.
    """
    try:
        return model.validate_python(parse_document(text))
    except UnreadableDocument as error:
        return [("", str(error))]
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        return [_fault(each, keys, unions) for each in found]


def canonical_json(model: TypeAdapter[D], value: D) -> tuple[str, str]:
    """Return the canonical JSON of a value, and the SHA-256 of that."""
    canonical = rfc8785.dumps(model.dump_python(value, mode="json", exclude_defaults=True))
    return canonical.decode(), sha256(canonical).hexdigest()


def read_stored(model: TypeAdapter[D], canonical: str) -> D:
    """Read a stored canonical document; raise Reject where it says what only a newer process knows."""
    try:
        return model.validate_json(canonical)
    except ValidationError:
        refused = Reject("a stored document cannot be read by this version of the service")
    # Outside of the handler: the error shows parts of the document.
    raise refused


def _fault(
    found: ErrorDetails, keys: Mapping[str, Collection[str]], unions: Collection[str]
) -> tuple[str, str]:
    place = place_of(_without_models(found["loc"], unions))
    if found["type"] == _NO_MODEL:
        # Its own words show what was sent.
        return place, f"kind must be one of {found['ctx']['expected_tags']}"
    if found["type"] != _UNKNOWN:
        return place, found["msg"]
    *above, key = found["loc"]
    nearest = get_close_matches(str(key), keys.get(place_of(above), ()), n=1, cutoff=0.0)
    return place, f"is not a key here; the nearest one is {nearest[0]}" if nearest else "is not a key here"


def _without_models(parts: Sequence[Any], unions: Collection[str]) -> Iterator[Any]:
    for number, part in enumerate(parts):
        if (number == 0 or parts[number - 1] not in unions) and part != _OF_A_KEY:
            yield part
