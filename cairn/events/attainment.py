# SPDX-License-Identifier: Apache-2.0
"""The competency event: a change of one learner's attainment in one competency.

Carried by ``competency.events.v1``. The statuses are named after the Open edX decision record on
competency-based education, with what a regrade and an expiry add.
"""

from datetime import date
from enum import StrEnum

from pydantic.dataclasses import dataclass

from cairn.amounts import Score
from cairn.events.wire import FROM_WIRE, Instant, Revision, Sha256, Slug, Uri
from cairn.ids import Learner, Tenant


class AttainmentStatus(StrEnum):
    """What the mastery policy concludes now."""

    DEMONSTRATED = "demonstrated"
    PARTIALLY_ATTEMPTED = "partially_attempted"
    ATTEMPTED_NOT_DEMONSTRATED = "attempted_not_demonstrated"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class PolicyReference:
    """The exact policy that was applied: its id, version and the hash of its canonical JSON (I1)."""

    policy: Slug
    version: Revision
    hash: Sha256


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class AttainmentChanged:
    """What a named policy version concludes from named results, after a change.

    ``score`` is the exact share of the scale, 0 to 1, and is present only once concluded; ``band``
    is a level of the policy's rubric, in ``scheme``. ``revision`` counts the changes of this
    learner and competency from 1, and ``supersedes`` names the event before.
    """

    tenant: Tenant
    learner: Learner
    event_id: str
    competency: Uri
    status: AttainmentStatus
    score: Score | None = None
    band: Slug | None = None
    scheme: Slug | None = None
    achieved_on: date | None = None
    valid_until: date | None = None
    policy: PolicyReference
    result_ids: tuple[str, ...]
    revision: Revision
    supersedes: str | None = None
    as_of: Instant


type_of_attainment = {"org.cairn.competency.attainment.changed.v1": AttainmentChanged}
