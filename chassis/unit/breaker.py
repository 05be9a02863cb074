# SPDX-License-Identifier: Apache-2.0
"""The breaker of a consumer: a bad deployment cannot dead-letter an exam season (design section 4).

It opens at the twentieth bug among the last 2,000 records. The unit of work ends with that record and
commits; from then on the consumer takes nothing until an operator resumes it.
"""

from collections.abc import Sequence

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
_RESUME = """
update chassis.breaker set bugs = '{}', open_since = null
where consumer = $1 and open_since is not null
returning consumer
"""


class BreakerOpen(Retry):
    """The consumer takes nothing until an operator has looked."""

    def __init__(self) -> None:
        super().__init__(f"{MOST_BUGS} records among {AMONG_RECORDS} could not be folded")


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


async def resume(connection: Connection, consumer: str) -> bool:
    """Let a consumer go on, counting bugs afresh; tell whether it was halted."""
    return await connection.fetchval(_RESUME, consumer) is not None
