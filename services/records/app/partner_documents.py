# SPDX-License-Identifier: Apache-2.0
"""From the text of a partner's document to a version of it, with its canonical JSON and the hash of that.

The canonical JSON (RFC 8785) is that of the normalised document, defaults included: how an author wrote
it changes no hash.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import sha256

import rfc8785
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from chassis.documents import Document, UnreadableDocument, in_request, parse_document, place_of
from chassis.errors import Reject
from chassis.rpc.authorities import Authorities
from chassis.rpc.refusal import Violation, invalid
from services.records.domain.partner import Partner

_partner = TypeAdapter(Partner)
_KEYS = tuple(Partner.__dataclass_fields__)
_label = re.compile(r"-----BEGIN ([^-]*)-----")
_UNKNOWN = "unexpected_keyword_argument"


@dataclass(frozen=True, slots=True)
class PartnerVersion:
    """A version of a partner with its canonical JSON and the SHA-256 of that."""

    partner: Partner
    canonical: str
    hash: str


def read_documents(documents: Sequence[Document]) -> list[PartnerVersion]:
    """Read documents in YAML or JSON; raise Refusal naming every fault."""
    if not documents:
        raise invalid(Violation("documents", "at least one document is needed"))
    versions: list[PartnerVersion] = []
    violations: list[Violation] = []
    for number, document in enumerate(documents):
        found = _read(document.text)
        if isinstance(found, Partner):
            versions.append(_version(found))
        else:
            violations += [in_request(place, reason, number, document) for place, reason in found]
    if len({each.partner.partner for each in versions}) < len(versions):
        violations.append(Violation("documents", "one version of a partner is published at a time"))
    if violations:
        raise invalid(*violations)
    return versions


def read_canonical(canonical: str) -> Partner:
    """Read a stored canonical document; raise Reject where it says what only a newer process knows."""
    try:
        return _partner.validate_json(canonical)
    except ValidationError:
        refused = Reject("a stored document cannot be read by this version of the service")
    # Outside of the handler: the error shows parts of the document.
    raise refused


def read_authorities(partner: Partner) -> Authorities:
    """Read who vouches for a partner; raises Reject."""
    return Authorities(partner.authorities.encode("ascii", "replace"))


def _read(text: str) -> "Partner | list[tuple[str, str]]":
    try:
        partner = _partner.validate_python(parse_document(text))
    except UnreadableDocument as error:
        return [("", str(error))]
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        return [_fault(each) for each in found]
    return list(_of_authorities(partner)) or partner


def _of_authorities(partner: Partner) -> Iterator[tuple[str, str]]:
    if not partner.authorities:
        return
    # A document stays for good: a key that came along by mistake would.
    text = partner.authorities
    if set(_label.findall(text)) - {"CERTIFICATE"} or "PRIVATE KEY" in text or not text.isascii():
        yield "authorities", "must hold certificates in PEM, and nothing else"
        return
    try:
        read_authorities(partner)
    except Reject as error:
        yield "authorities", error.reason


def _fault(found: ErrorDetails) -> tuple[str, str]:
    place = place_of(found["loc"])
    if found["type"] != _UNKNOWN:
        return place, found["msg"]
    nearest = get_close_matches(place, _KEYS, n=1, cutoff=0.0)
    return place, f"is not a key here; the nearest one is {nearest[0]}"


def _version(partner: Partner) -> PartnerVersion:
    canonical = rfc8785.dumps(_partner.dump_python(partner, mode="json"))
    return PartnerVersion(partner, canonical.decode(), sha256(canonical).hexdigest())
