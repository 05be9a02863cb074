# SPDX-License-Identifier: Apache-2.0
"""The entry: one line of the record, published without personal data.

Carried by ``records.entries.v1``.
"""

from datetime import date
from enum import StrEnum

from pydantic.dataclasses import dataclass

from cairn.events.decision import Credit
from cairn.events.explanation import RuleReference
from cairn.events.wire import FROM_WIRE, Revision, Sha256, Slug
from cairn.ids import Learner, Tenant


class EntryKind(StrEnum):
    """What the line says of the award. Only a conferral makes an entry of an award."""

    CONFERRED = "conferred"
    REALLOTTED = "reallotted"
    UNDER_REVIEW = "under_review"
    UPHELD = "upheld"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class EntryRecorded:
    """What the record now says of one award; ``hash`` closes the learner's chain up to here."""

    tenant: Tenant
    learner: Learner
    entry_id: str
    sequence: Revision
    kind: EntryKind
    credential: Slug
    decision_id: str
    rule: RuleReference
    credits: tuple[Credit, ...] = ()
    effective_on: date
    previous_hash: Sha256
    hash: Sha256


type_of_entry = {"org.cairn.records.entry.recorded.v1": EntryRecorded}
