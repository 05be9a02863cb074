# SPDX-License-Identifier: Apache-2.0
"""From the text of a policy document to a policy with its canonical JSON and hash.

An unknown key is refused with its place and the nearest valid key. The canonical JSON (RFC 8785) is
that of the normalised document, defaults included: how an author wrote it changes no hash.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256
from typing import Any

import rfc8785
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from cairn.events.attainment import PolicyReference
from chassis.documents import UnreadableDocument, parse_document, place_of
from chassis.rpc.refusal import Violation
from services.assessment.domain.policy import PLACES, Policy

_policy = TypeAdapter(Policy)
_UNKNOWN = "unexpected_keyword_argument"


class InvalidDocument(ValueError):
    """A document cannot be a policy; ``violations`` name each place and what would be right."""

    def __init__(self, violations: list[Violation]) -> None:
        super().__init__("; ".join(f"{each.field}: {each.description}" for each in violations))
        self.violations = tuple(violations)


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A policy with its canonical JSON and the SHA-256 of that."""

    policy: Policy
    canonical: str
    hash: str

    @property
    def reference(self) -> PolicyReference:
        """What an attainment names as its policy (I1)."""
        return PolicyReference(policy=self.policy.policy, version=self.policy.version, hash=self.hash)


def read_policy(text: str) -> PolicyVersion:
    """Read a document in YAML or JSON; raise InvalidDocument naming every fault."""
    try:
        policy = _policy.validate_python(_document(text))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise InvalidDocument([_violation(each) for each in found]) from None
    return _version(policy)


def read_canonical(text: str) -> Policy:
    """Read a stored canonical document."""
    return _policy.validate_json(text)


def _version(policy: Policy) -> PolicyVersion:
    canonical = rfc8785.dumps(_policy.dump_python(policy, mode="json"))
    return PolicyVersion(policy, canonical.decode(), sha256(canonical).hexdigest())


def _document(text: str) -> Any:
    try:
        return parse_document(text)
    except UnreadableDocument as error:
        refused = InvalidDocument([Violation("", str(error))])
    raise refused


def _violation(found: ErrorDetails) -> Violation:
    place = place_of(found["loc"])
    if found["type"] != _UNKNOWN:
        return Violation(place, found["msg"])
    *names, unknown = (part for part in found["loc"] if isinstance(part, str))
    nearest = get_close_matches(unknown, PLACES.get(tuple(names), ()), n=1, cutoff=0.0)
    return Violation(place, f"is not a key here; the nearest one is {''.join(nearest) or 'not known'}")
