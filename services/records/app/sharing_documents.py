# SPDX-License-Identifier: Apache-2.0
"""From the text of a sharing basis to the basis, with its canonical JSON and the hash of that."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from chassis.documents import Document
from services.records.app.document_reading import Faults, canonical_json, read_each, read_model, read_stored
from services.records.domain.legal_basis import MODELS
from services.records.domain.sharing_basis import SharingBasis, View

_basis = TypeAdapter(SharingBasis)
_KEYS: Mapping[str, Sequence[str]] = {
    "": tuple(SharingBasis.__dataclass_fields__),
    "views": tuple(View),
    "legal_basis": sorted({key for model in MODELS for key in model.__dataclass_fields__}),
}

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
        found = read_model(_basis, text, _KEYS, unions=("legal_basis",))
        return found if isinstance(found, list) else list(_of_fields(found, check_fields)) or found

    found = read_each(documents, read, lambda each: each.basis, "a sharing basis is granted once")
    return [WrittenBasis(each, *canonical_json(_basis, each)) for each in found]


def _of_fields(basis: SharingBasis, check_fields: CheckFields) -> Iterator[tuple[str, str]]:
    for view, paths in basis.views.items():
        for number, reason in check_fields(view, paths):
            yield f"views.{view}[{number}]", reason


def read_canonical(canonical: str) -> SharingBasis:
    """Read a stored canonical document; raise Reject where it says what only a newer process knows."""
    return read_stored(_basis, canonical)
