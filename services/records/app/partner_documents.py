# SPDX-License-Identifier: Apache-2.0
"""From the text of a partner's document to a version of it, with its canonical JSON and the hash of that."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from chassis.documents import Document
from chassis.errors import Reject
from chassis.rpc.authorities import Authorities
from services.records.app.document_reading import Faults, canonical_json, read_each, read_model, read_stored
from services.records.domain.partner import Partner

_partner = TypeAdapter(Partner)
_KEYS = {"": tuple(Partner.__dataclass_fields__)}
_label = re.compile(r"-----BEGIN ([^-]*)-----")


@dataclass(frozen=True, slots=True)
class PartnerVersion:
    """A version of a partner with its canonical JSON and the SHA-256 of that."""

    partner: Partner
    canonical: str
    hash: str


def read_documents(documents: Sequence[Document]) -> list[PartnerVersion]:
    """Read documents in YAML or JSON; raise Refusal naming every fault."""
    found = read_each(
        documents, _read, lambda each: each.partner, "one version of a partner is published at a time"
    )
    return [PartnerVersion(each, *canonical_json(_partner, each)) for each in found]


def read_canonical(canonical: str) -> Partner:
    """Read a stored canonical document; raise Reject where it says what only a newer process knows."""
    return read_stored(_partner, canonical)


def read_authorities(partner: Partner) -> Authorities:
    """Read who vouches for a partner; raises Reject."""
    return Authorities(partner.authorities.encode("ascii", "replace"))


def _read(text: str) -> Partner | Faults:
    found = read_model(_partner, text, _KEYS)
    return found if isinstance(found, list) else list(_of_authorities(found)) or found


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
