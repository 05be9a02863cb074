# SPDX-License-Identifier: Apache-2.0
"""The log of what was told to whom, committed before the answer leaves (I8)."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID, uuid4

from cairn.ids import LearnerId, TenantId
from chassis.grouping import Groups
from services.records.app.authority import Permission
from services.records.domain.record import Reach

Detail = Mapping[str, str | int | None]

_MOST = 1000
# Who asks while others do waits a little, and the transaction that all of them share costs less for each.
_REST_SECONDS = 0.003


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """One answer: on whose behalf, about whom, what was asked and what is about to be told.

    With a ``reach`` it is an answer that was written before, and stands only while the record of the
    learner reaches exactly so far.
    """

    tenant: TenantId
    permission: Permission
    learner: LearnerId | None
    asked: Detail
    told: Detail
    reach: Reach | None = None


class DisclosureStore(Protocol):
    """Where disclosures are kept."""

    async def keep(self, disclosures: Sequence[tuple[UUID, Disclosure]]) -> AbstractSet[UUID]:
        """Commit the disclosures; return the ids of those that stand.

        One whose record has moved on does not, nor one to a partner of whom there is a newer version or
        under a basis that is not in force.
        """
        ...


class DisclosureLog:
    """Commits disclosures in groups: while one group is being written, the next one gathers."""

    def __init__(self, store: DisclosureStore, rest: float = _REST_SECONDS) -> None:
        """Begin; a group that follows closely on another waits so many seconds for company."""
        self._store = store
        self._groups = Groups(self._keep, _MOST, rest)

    async def disclose(self, disclosure: Disclosure) -> UUID | None:
        """Return the id of the committed disclosure; raises what kept its group from being committed.

        None where the record has moved on from the disclosure's reach, or the partner or the basis is not
        what it was: nothing may then be told.
        """
        return await self._groups.ask(disclosure)

    async def _keep(self, disclosures: Sequence[Disclosure]) -> list[UUID | None]:
        ids = [uuid4() for _ in disclosures]
        kept = await self._store.keep(list(zip(ids, disclosures, strict=True)))
        return [each if each in kept else None for each in ids]
