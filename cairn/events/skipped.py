# SPDX-License-Identifier: Apache-2.0
"""Which change an event states, read without the rest of it: of one that is never to be folded (ADR 0006).

In whatever major version, and whatever else in it is wrong: only whose it is and which change of what.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from cairn.events.attainment import type_of_attainment
from cairn.events.decision import type_of_decision
from cairn.events.wire import FROM_WIRE, EventId, Revision, Slug, Uri
from cairn.ids import Learner, Tenant


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class SkippedAttainment:
    """A change of an attainment, to what nobody knows; ``event_id`` is what remains as its grounds."""

    tenant: Tenant
    learner: Learner
    event_id: EventId
    competency: Uri
    revision: Revision


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class SkippedDecision:
    """A decision about an award, which nobody knows."""

    tenant: Tenant
    learner: Learner
    credential: Slug
    revision: Revision


Skipped: TypeAlias = SkippedAttainment | SkippedDecision

_adapters: Mapping[str, TypeAdapter[Any]] = MappingProxyType(
    {
        name.rpartition(".v")[0]: TypeAdapter(model)
        for names, model in ((type_of_attainment, SkippedAttainment), (type_of_decision, SkippedDecision))
        for name in names
    }
)


def read_skipped(type_name: str, data: bytes | None) -> Skipped | None:
    """Return which change an event states; None where it states none, or does not say which."""
    adapter = _adapters.get(type_name.rpartition(".v")[0])
    if adapter is None or data is None:
        return None
    try:
        skipped: Skipped = adapter.validate_json(data, strict=True)
    except ValidationError:
        return None
    return skipped
