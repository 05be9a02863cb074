# SPDX-License-Identifier: Apache-2.0
"""The log of what was told to whom, committed before the answer leaves (I8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID, uuid4

from cairn.ids import LearnerId, TenantId
from chassis.grouping import Groups
from services.records.app.authority import Permission

Detail = Mapping[str, str | int | None]

_MOST = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """One answer: on whose behalf, about whom, what was asked and what is about to be told."""

    tenant: TenantId
    permission: Permission
    learner: LearnerId | None
    asked: Detail
    told: Detail


class DisclosureStore(Protocol):
    """Where disclosures are kept."""

    async def keep(self, disclosures: Sequence[tuple[UUID, Disclosure]]) -> None:
        """Commit the disclosures, all or none."""
        ...


class DisclosureLog:
    """Commits disclosures in groups: while one group is being written, the next one gathers."""

    def __init__(self, store: DisclosureStore) -> None:
        self._store = store
        self._groups = Groups(self._keep, _MOST)

    async def disclose(self, disclosure: Disclosure) -> UUID:
        """Return the id of the committed disclosure; raises what kept its group from being committed."""
        return await self._groups.ask(disclosure)

    async def _keep(self, disclosures: Sequence[Disclosure]) -> list[UUID]:
        ids = [uuid4() for _ in disclosures]
        await self._store.keep(list(zip(ids, disclosures, strict=True)))
        return ids
