# SPDX-License-Identifier: Apache-2.0
"""Steps 1 and 3 to 5 of a unit of work, in one statement: progress, epochs, learners, inbox.

Everything is handed over in one order, (tenant, id) or (tenant, day, identity), so that two units
never wait for each other in a circle. Should they meet all the same over a row that appeared
between, the database ends one of them (40P01), which is redone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cairn.ids import LearnerId, TenantId
from chassis.database import Connection
from chassis.streams.message import Partition
from chassis.unit.breaker import halted
from chassis.unit.due import Due, Timers
from chassis.unit.inbox import Arrival, Row, Seen, columns_of, judge
from chassis.unit.learners import LearnerKey

# Before any event: as_of of a learner of whom nothing has been folded yet.
_NEVER = datetime(1900, 1, 1, tzinfo=UTC)

_OPEN = """
select halted, stands, held, epochs, stood, due_ats, due_kinds, due_refs, due_tenants, due_learners,
    fresh, known_tenants, known_days, known_identities, known_digests
from chassis.open_unit(
    $1::text, $2::text[], $3::int[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::timestamptz,
    $9::text[], $10::date[], $11::bytea[], $12::bytea[]
)
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a unit of work finds once its locks are taken."""

    epochs: Mapping[TenantId, int]
    stood: Mapping[LearnerKey, datetime]
    """Each learner's ``as_of``."""
    timers: Timers
    held: bool
    """Whether any record of the learners waits."""
    seen: Sequence[Seen]
    """What the inbox says of each arrival, in the order given."""


async def open_unit(  # noqa: PLR0913 - everything that is locked or entered, in the order of the design
    connection: Connection,
    consumer: str,
    progress: Mapping[Partition, int],
    *,
    tenants: Iterable[TenantId],
    learners: Iterable[LearnerKey],
    arrivals: Sequence[Arrival],
) -> Opened | None:
    """Take the locks of a unit, creating the rows of new learners, and enter its arrivals.

    Raises BreakerOpen where the consumer is to take nothing. None where a partition's row does not stand
    at its ``progress``; an empty one is for rows that are locked already. Either way nothing is done.
    """
    partitions = sorted(progress)
    standing = (
        [at.topic for at in partitions],
        [at.number for at in partitions],
        [progress[at] for at in partitions],
    )
    of_tenants, of_learners = sorted(set(tenants)), sorted(set(learners))
    first: dict[Row, Arrival] = {}
    for arrival in arrivals:
        first.setdefault(arrival.key, arrival)
    entered = columns_of([first[key] for key in sorted(first)])
    ids = [tenant for tenant, _ in of_learners], [learner for _, learner in of_learners]
    row = await connection.fetchrow(_OPEN, consumer, *standing, of_tenants, *ids, _NEVER, *entered)
    if row is None:
        raise AssertionError("a function that returns a record returns one row")
    if row["halted"]:
        raise await halted(connection, consumer)
    if not row["stands"]:
        return None
    return Opened(
        epochs=dict(zip(of_tenants, row["epochs"] or (), strict=True)),
        stood=dict(zip(of_learners, row["stood"] or (), strict=True)),
        timers=Timers(_timers(row)),
        held=row["held"],
        seen=judge(arrivals, row["fresh"] or (), _columns(row, _KNOWN)),
    )


_DUE = ("due_ats", "due_kinds", "due_refs", "due_tenants", "due_learners")
_KNOWN = ("known_tenants", "known_days", "known_identities", "known_digests")


def _timers(row: Any) -> Iterable[Due]:
    for at, kind, ref, tenant, learner in _columns(row, _DUE):
        yield Due(at, kind, ref, TenantId(tenant), LearnerId(learner))


def _columns(row: Any, names: Iterable[str]) -> Iterable[tuple[Any, ...]]:
    return zip(*(row[name] or () for name in names), strict=True)
