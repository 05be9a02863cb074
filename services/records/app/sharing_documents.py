# SPDX-License-Identifier: Apache-2.0
"""From the text of a sharing basis to the basis, with its canonical JSON and the hash of that."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import get_args
from zoneinfo import available_timezones

from pydantic import TypeAdapter

from chassis.documents import Document
from services.records.app.document_reading import Faults, canonical_json, read_each, read_model, read_stored
from services.records.domain.legal_basis import MODELS
from services.records.domain.sharing_basis import SharingBasis, View

_basis = TypeAdapter(SharingBasis)
_KEYS: Mapping[str, Sequence[str]] = {
    "": tuple(SharingBasis.__dataclass_fields__),
    "views": tuple(View),
}
_KEYS_OF_RIGHTS = {
    f"legal_basis.{kind}": tuple(model.__dataclass_fields__)
    for model in MODELS
    for kind in get_args(model.__dataclass_fields__["kind"].type)
}

_zones = cache(available_timezones)

CheckFields = Callable[[View, Sequence[str]], Iterable[tuple[int, str]]]
"""Says which of some paths are no fields of a view, by number, and why."""


@dataclass(frozen=True, slots=True)
class WrittenBasis:
    """A sharing basis with its canonical JSON and the SHA-256 of that."""

    basis: SharingBasis
    canonical: str
    hash: str


def read_documents(documents: Sequence[Document], check_fields: CheckFields) -> list[WrittenBasis]:
    """Read documents in YAML or JSON; raise Refusal naming every fault."""

    def read(text: str) -> SharingBasis | Faults:
        found = read_model(_basis, text, {**_KEYS, **_KEYS_OF_RIGHTS}, unions=("legal_basis",))
        return found if isinstance(found, list) else list(_more(found, check_fields)) or found

    found = read_each(documents, read, lambda each: each.basis, "a sharing basis is granted once")
    return [WrittenBasis(each, *canonical_json(_basis, each)) for each in found]


def _more(basis: SharingBasis, check_fields: CheckFields) -> Iterator[tuple[str, str]]:
    # Not asked of a stored one: which zones there are differs between machines.
    if basis.time_zone not in _zones():
        yield "time_zone", "must be a zone of the IANA database, such as Europe/Paris"
    for view, paths in basis.views.items():
        for number, reason in check_fields(view, paths):
            yield f"views.{view}[{number}]", reason


def read_canonical(canonical: str) -> SharingBasis:
    """Read a stored canonical document; raise Reject where it says what only a newer process knows."""
    return read_stored(_basis, canonical)
