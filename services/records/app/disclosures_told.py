# SPDX-License-Identifier: Apache-2.0
"""What was told of a learner and to whom, for who keeps their record and for the learner behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol
from uuid import UUID

from cairn.ids import LearnerId, TenantId
from services.records.app.authority import PartnerReference, Permission
from services.records.app.names import Scope, read_learner
from services.records.app.page_token import PageTokens
from services.records.app.reading import Desk, Told, read_page_size

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

    def __init__(self, desk: Desk, store: DisclosureReader, tokens: PageTokens) -> None:
        self._desk = desk
        self._store = store
        self._tokens = tokens

    async def of_learner(
        self, permission: Permission, parent: str, size: int, page_token: str
    ) -> Told[DisclosurePage]:
        """Tell the next page of disclosures."""
        tenant, learner = read_learner(parent, "parent")
        size, listed = read_page_size(size), f"{parent}/disclosures"
        before = _read(self._tokens.unseal(listed, page_token)) if page_token else LATEST
        found = await self._store.of_learner(tenant, learner, before, size + 1)
        page = found[:size]
        disclosure_id = await self._desk.disclose(
            permission, Scope(tenant, learner), asked={}, told={"disclosures": len(page)}
        )
        token = self._tokens.seal(listed, _write(page[-1].place)) if len(found) > size else ""
        return Told(DisclosurePage(tenant, page, token), disclosure_id)


def _write(place: Place) -> bytes:
    return f"{(place.at - _EPOCH) // _MICROSECOND}/{place.disclosure_id}".encode()


def _read(written: bytes) -> Place:
    at, _, disclosure_id = written.decode().partition("/")
    return Place(_EPOCH + int(at) * _MICROSECOND, UUID(disclosure_id))
