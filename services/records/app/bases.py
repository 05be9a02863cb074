# SPDX-License-Identifier: Apache-2.0
"""Which sharing basis a call may be answered under, remembered for a second at most.

What is remembered decides nothing by itself: what logs the disclosure looks again whether the basis is in
force. It only ends sooner what would not be told anyhow, as a watch to which nothing comes.
"""

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from cachetools import TTLCache

from cairn.ids import LearnerId, TenantId
from services.records.domain.sharing_basis import SharingBasis, View

_SECONDS = 1.0
_MOST = 10_000

_Key = tuple[TenantId, str, str, View, LearnerId | None]


class BasisInForce(NamedTuple):
    """A basis, and what is to be told of what the recipient may not do."""

    basis: SharingBasis
    notice: str


class BasisReader(Protocol):
    """Where bases are looked up."""

    async def in_force(
        self, tenant: TenantId, partner: str, purpose: str, view: View, learner: LearnerId | None
    ) -> BasisInForce | None:
        """Return the basis under which a call may be answered, by the database's clock; one statement."""
        ...


class Bases:
    """Looks bases up: once for all calls of a second that ask the same and are answered."""

    def __init__(self, reader: BasisReader, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing remembered; ``clock`` counts seconds."""
        self._reader = reader
        self._found: TTLCache[_Key, BasisInForce] = TTLCache(_MOST, _SECONDS, clock)

    async def in_force(
        self, tenant: TenantId, partner: str, purpose: str, view: View, learner: LearnerId | None
    ) -> BasisInForce | None:
        """Return the basis for a call, if there is one; what is not there is looked up each time."""
        key = (tenant, partner, purpose, view, learner)
        basis = self._found.get(key)
        if basis is None:
            basis = await self._reader.in_force(*key)
            if basis is not None:
                self._found[key] = basis
        return basis
