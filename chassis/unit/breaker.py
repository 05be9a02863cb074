# SPDX-License-Identifier: Apache-2.0
"""The breaker of a consumer: a bad deployment cannot dead-letter an exam season (design section 4).

It opens at the twentieth bug among the last 2,000 records. The unit of work ends with that record and
commits; from then on the consumer takes nothing until an operator resumes it. An operator may also pause it.
"""

from collections.abc import Sequence
from typing import ClassVar

from chassis.database import Connection
from chassis.errors import Retry

MOST_BUGS = 20
AMONG_RECORDS = 2000

_MAKE = "insert into chassis.breaker (consumer) values ($1) on conflict do nothing"
_LOCK = "select bugs, open_since is not null from chassis.breaker where consumer = $1 for update"
_RECORDS = """
select coalesce(sum(applied + duplicate + ignored + parked + dead_lettered), 0)::bigint
from chassis.fence where consumer = $1
"""
_STORE = """
update chassis.breaker set bugs = $2, open_since = case when $3 then now() end where consumer = $1
"""
_PAUSED = "select paused_by is not null from chassis.breaker where consumer = $1"
# Of a consumer that has ever read a partition, and is not halted.
_PAUSE = """
insert into chassis.breaker (consumer, open_since, paused_by)
select $1, now(), $2 where exists (select from chassis.fence where consumer = $1)
on conflict (consumer) do update set open_since = excluded.open_since, paused_by = excluded.paused_by
where breaker.open_since is null
returning consumer
"""
_RESUME = """
update chassis.breaker set bugs = '{}', open_since = null, paused_by = null
where consumer = $1 and open_since is not null
returning consumer
"""


class BreakerOpen(Retry):
    """The consumer takes nothing until an operator has looked."""

    condition: ClassVar = "breaker"
    """Which condition of readiness does not hold then."""

    def __init__(
        self,
        reason: str = f"open: {MOST_BUGS} records among {AMONG_RECORDS} could not be folded;"
        " an operator has to resume the consumer",
    ) -> None:
        super().__init__(reason)


class Paused(BreakerOpen):
    """The consumer takes nothing because an operator has said so."""

    condition = "paused"

    def __init__(self) -> None:
        super().__init__("by an operator, until one resumes the consumer")


async def halted(connection: Connection, consumer: str) -> BreakerOpen:
    """Return why a consumer takes nothing."""
    return Paused() if await connection.fetchval(_PAUSED, consumer) else BreakerOpen()


def opens_at(known: Sequence[int], bugs: Sequence[int]) -> int | None:
    """Return which of the new bugs opens the breaker, if one does.

    Both are positions among the consumer's records, in their order.
    """
    positions = [*known, *bugs]
    for number in range(len(known), len(positions)):
        if number + 1 < MOST_BUGS:
            continue
        if positions[number] - positions[number + 1 - MOST_BUGS] < AMONG_RECORDS:
            return number - len(known)
    return None


async def note(connection: Connection, consumer: str, places: Sequence[int]) -> int | None:
    """Keep where among the unit's records its bugs stand; return which of them opens the breaker.

    The answer is a number within ``places``, from 0. Records behind it are not to be taken, so a unit
    that has any must not be committed. Raises BreakerOpen where another unit has opened it meanwhile.
    """
    await connection.execute(_MAKE, consumer)
    row = await connection.fetchrow(_LOCK, consumer)
    known, halted = row or ((), False)
    if halted:
        raise BreakerOpen
    before = await connection.fetchval(_RECORDS, consumer)
    bugs = [before + place for place in places]
    opens = opens_at(known, bugs)
    await connection.execute(_STORE, consumer, [*known, *bugs][-MOST_BUGS:], opens is not None)
    return opens


async def pause(connection: Connection, consumer: str, operator: str) -> bool:
    """Halt a consumer until it is resumed; tell whether it was going on."""
    return await connection.fetchval(_PAUSE, consumer, operator) is not None


async def resume(connection: Connection, consumer: str) -> bool:
    """Let a consumer go on, counting bugs afresh; tell whether it was halted."""
    return await connection.fetchval(_RESUME, consumer) is not None
