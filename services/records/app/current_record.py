# SPDX-License-Identifier: Apache-2.0
"""The record as it now stands, told from a projection as long as the record has not moved on.

A projection is the answer, written once. Entries and positions are only ever added, in order of
sequence, so that of one reach there is one record; and a disclosure at a reach is committed only
while the record reaches exactly so far. What is stale can therefore not be told, whoever made it
stale and whether or not anybody said so.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cachetools import LRUCache

from cairn.ids import LearnerId, TenantId
from services.records.app.authority import Permission
from services.records.app.disclosure import Detail
from services.records.app.names import Scope, read_learner
from services.records.app.reading import Desk, RecordStore, Told, told_of_record
from services.records.domain.mask import Mask
from services.records.domain.record import AsOf, LearnerRecord, Reach, learner_record, reach

_MOST_BYTES = 32 * 1024 * 1024
# What one longer record would push out is worth more than it is.
_LONGEST = _MOST_BYTES // 32
# What a projection takes besides its text: keys, values, and its place in the order of use.
_AROUND = 1024

Write = Callable[[TenantId, LearnerId, LearnerRecord, Mask], bytes]
"""Writes what a mask has of a record as it leaves, without the times that it is as of."""


@dataclass(frozen=True, slots=True)
class CurrentRecord:
    """What the record of a learner says at this instant."""

    written: bytes
    recorded_as_of: datetime


@dataclass(frozen=True, slots=True)
class _Projection:
    written: bytes
    told: Detail
    reach: Reach
    taken: int
    """How many bytes it takes, with its place in the order of use."""


_Key = tuple[TenantId, LearnerId, Mask]


class CurrentReader:
    """Answers who asks what is true and known now; who asks as of another time is answered elsewhere."""

    def __init__(
        self,
        desk: Desk,
        store: RecordStore,
        write: Write,
        clock: Callable[[], datetime],
    ) -> None:
        """Begin without projections; they never take more than ``_MOST_BYTES`` together."""
        self._desk = desk
        self._store = store
        self._write = write
        self._clock = clock
        self._projections: LRUCache[_Key, _Projection] = LRUCache(_MOST_BYTES, _size)

    async def learner_record(self, permission: Permission, name: str) -> Told[CurrentRecord]:
        """Tell the record of a learner; nothing recorded is an empty record."""
        tenant, learner = read_learner(name)
        now, scope = self._clock(), Scope(tenant, learner)
        held = self._projections.get((tenant, learner, permission.fields))
        if held is not None:
            disclosure_id = await self._desk.disclose_at(
                held.reach, permission, scope, asked={}, told=held.told
            )
            if disclosure_id is not None:
                return Told(CurrentRecord(held.written, now), disclosure_id)
        made = await self._project(tenant, learner, permission.fields)
        disclosure_id = await self._desk.disclose(permission, scope, asked={}, told=made.told)
        return Told(CurrentRecord(made.written, now), disclosure_id)

    async def _project(self, tenant: TenantId, learner: LearnerId, mask: Mask) -> _Projection:
        entries = await self._store.of_learner(tenant, learner)
        record = learner_record(entries, AsOf(None, None))
        written = self._write(tenant, learner, record, mask)
        taken = _AROUND + len(written) + sum(len(name) for path in mask for name in path)
        projection = _Projection(written, told_of_record(record), reach(entries), taken)
        if taken <= _LONGEST:
            self._projections[tenant, learner, mask] = projection
        return projection


def _size(projection: _Projection) -> int:
    return projection.taken
