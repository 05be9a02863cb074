# SPDX-License-Identifier: Apache-2.0
"""What was told of a learner and to whom, for who keeps their record and for the learner behind them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol
from uuid import UUID

from cairn.ids import LearnerId, TenantId
from chassis.rpc.page_token import read_place, write_place
from services.records.app.authority import PartnerReference, Permission
from services.records.app.names import Scope, read_learner
from services.records.app.reading import Desk, Told, read_page_size

_place = re.compile(r"([0-9]{1,17})/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Place(NamedTuple):
    """Where a disclosure stands in time."""

    at: datetime
    disclosure_id: UUID


LATEST = Place(datetime.max.replace(tzinfo=UTC), UUID(int=2**128 - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One disclosure, as the log has it."""

    place: Place
    recipient: str
    partner: PartnerReference | None
    legal_basis: str
    purpose: str
    sharing_basis: str | None
    method: str
    of_learner_alone: bool
    asked: Mapping[str, str]
    told: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DisclosurePage:
    """Some disclosures, the latest first; ``next_page_token`` is empty on the last page."""

    tenant: TenantId
    disclosures: Sequence[Logged]
    next_page_token: str


class DisclosureReader(Protocol):
    """Where disclosures are read."""

    async def of_learner(
        self, tenant: TenantId, learner: LearnerId, before: Place, most: int
    ) -> Sequence[Logged]:
        """Return what was told of a learner before a place, the latest first."""
        ...


class DisclosuresTold:
    """Answers the call that asks the log itself, on the path of every read."""

    def __init__(self, desk: Desk, store: DisclosureReader) -> None:
        self._desk = desk
        self._store = store

    async def of_learner(
        self, permission: Permission, parent: str, size: int, page_token: str
    ) -> Told[DisclosurePage]:
        """Tell the next page of disclosures."""
        tenant, learner = read_learner(parent, "parent")
        size, before = read_page_size(size), _read(page_token)
        found = await self._store.of_learner(tenant, learner, before, size + 1)
        page = found[:size]
        disclosure_id = await self._desk.disclose(
            permission, Scope(tenant, learner), asked={}, told={"disclosures": len(page)}
        )
        token = _write(page[-1].place) if len(found) > size else ""
        return Told(DisclosurePage(tenant, page, token), disclosure_id)


def _write(place: Place) -> str:
    return write_place(f"{(place.at - _EPOCH) // _MICROSECOND}/{place.disclosure_id}")


def _read(token: str) -> Place:
    if not token:
        return LATEST
    found = read_place(token, _place)
    return Place(_EPOCH + int(found[1]) * _MICROSECOND, UUID(found[2]))
