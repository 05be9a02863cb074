# SPDX-License-Identifier: Apache-2.0
"""Timers: what happens to a learner at an instant.

A learner's own due rows fire, in order of their instant, before a record of a later ``as_of`` is
folded, whichever way the records are cut into batches; so no clock is read (I12).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from cairn.ids import LearnerId, TenantId
from chassis.database import Connection
from chassis.unit.learners import LearnerKey
from chassis.unit.writes import Writes


class Due(NamedTuple):
    """One timer; ``kind`` names the effect and ``ref`` what it is about."""

    at: datetime
    kind: str
    ref: str
    tenant: TenantId
    learner: LearnerId


_INSERT = """
insert into chassis.due (tenant, learner, at, kind, ref)
select * from unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[])
on conflict do nothing
"""
# Row by row, in one round trip: of columns of keys the planner makes a search through a tenant's timers.
_DELETE = """
delete from chassis.due where tenant = $1 and learner = $2 and at = $3 and kind = $4 and ref = $5
"""


class Timers:
    """The due rows of the locked learners, as one unit of work sees and changes them."""

    def __init__(self, stored: Iterable[Due]) -> None:
        """Begin with the rows that the database holds."""
        self._stored = set(stored)
        self._now: dict[LearnerKey, set[Due]] = {}
        for due in self._stored:
            self._now.setdefault((due.tenant, due.learner), set()).add(due)

    def set(self, due: Due) -> None:
        """Set a timer; setting the same one twice changes nothing."""
        self._now.setdefault((due.tenant, due.learner), set()).add(due)

    def cancel(self, key: LearnerKey, kind: str, ref: str) -> None:
        """Take back the learner's timers of one kind and reference."""
        if waiting := self._now.get(key):
            self._now[key] = {due for due in waiting if (due.kind, due.ref) != (kind, ref)}

    def take(self, key: LearnerKey, until: datetime) -> list[Due]:
        """Remove and return what is due at or before an instant, earliest first."""
        waiting = self._now.get(key)
        if not waiting:
            return []
        fired = sorted(due for due in waiting if due.at <= until)
        waiting.difference_update(fired)
        return fired

    async def store(self, connection: Connection, writes: Writes) -> None:
        """Delete what is gone, and write what is new as the unit closes."""
        now = {due for waiting in self._now.values() for due in waiting}
        if gone := sorted(self._stored - now):
            await connection.executemany(_DELETE, zip(*_columns(gone), strict=True))
        if new := sorted(now - self._stored):
            writes.add(_INSERT, *_columns(new))


def _columns(rows: list[Due]) -> tuple[list[str], list[str], list[datetime], list[str], list[str]]:
    return (
        [due.tenant for due in rows],
        [due.learner for due in rows],
        [due.at for due in rows],
        [due.kind for due in rows],
        [due.ref for due in rows],
    )
