# SPDX-License-Identifier: Apache-2.0
"""The log of what was told to whom, committed before the answer leaves (I8)."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID, uuid4

from cairn.ids import LearnerId, TenantId
from services.records.app.authority import Permission

Detail = Mapping[str, str | int | None]


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


@dataclass(slots=True)
class _Group:
    rows: list[tuple[UUID, Disclosure]] = field(default_factory=list)


class DisclosureLog:
    """Commits disclosures in groups: while one group is being written, the next one gathers."""

    def __init__(self, store: DisclosureStore) -> None:
        self._store = store
        self._gathering: tuple[_Group, asyncio.Task[None]] | None = None
        self._newest: asyncio.Task[None] | None = None

    async def disclose(self, disclosure: Disclosure) -> UUID:
        """Return the id of the committed disclosure; raises what kept its group from being committed."""
        disclosure_id = uuid4()
        group, written = self._join()
        group.rows.append((disclosure_id, disclosure))
        # A caller that goes away must not take the others' log with it.
        await asyncio.shield(written)
        return disclosure_id

    def _join(self) -> tuple[_Group, "asyncio.Task[None]"]:
        if self._gathering is None:
            group = _Group()
            self._newest = asyncio.create_task(self._write(group, self._newest))
            self._gathering = group, self._newest
        return self._gathering

    async def _write(self, group: _Group, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await asyncio.wait({before})
        self._gathering = None
        await self._store.keep(group.rows)
