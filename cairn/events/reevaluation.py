# SPDX-License-Identifier: Apache-2.0
"""Re-evaluations: work that a service gives itself, to bring one learner up to an instant or an epoch.

Carried by ``<service>.reevaluations.v1``. They state no fact: what is concluded follows from the
facts and the rules that stand, so one that comes again, or too late, changes nothing.
"""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from cairn.events.wire import FROM_WIRE, Instant
from cairn.ids import Learner, Tenant

Epoch = Annotated[int, Field(ge=1, lt=2**53)]
Name = Annotated[str, Field(min_length=1, max_length=2048)]


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class DueReached:
    """The instant of a learner's timer has come; ``kind`` names its effect and ``ref`` what it is about."""

    tenant: Tenant
    learner: Learner
    reevaluation_id: str
    kind: Name
    ref: Name
    as_of: Instant


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class EpochRaised:
    """A publication that can affect the learner raised the tenant's rule epoch to ``epoch``."""

    tenant: Tenant
    learner: Learner
    reevaluation_id: str
    epoch: Epoch
    as_of: Instant


Reevaluation = DueReached | EpochRaised

type_of_reevaluation = {
    "org.cairn.reevaluation.due.reached.v1": DueReached,
    "org.cairn.reevaluation.epoch.raised.v1": EpochRaised,
}
