# SPDX-License-Identifier: Apache-2.0
"""Partitions left aside: one that has failed rests for a while, and the slot goes on without it.

Each read of the outbox has a limit, which the rows of a refused partition would fill once there are
enough of them. A partition rests longer each time that the broker has taken nothing of it.
"""

import time
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

from aiokafka.errors import BrokerResponseError

from chassis.errors import Retry
from chassis.streams.message import Partition

_SHORTEST = 1.0
# What an operator has mended goes on after so many seconds at most.
_LONGEST = 15.0
_TOLD = 3


@dataclass(frozen=True, slots=True)
class Rest:
    """Why a partition rests, how long and until when, and whether its rows are then sent one by one."""

    reason: str
    seconds: float
    until: float
    alone: bool


class Aside:
    """The partitions of one slot that have failed and have not been sent without a failure since."""

    def __init__(self) -> None:
        self._rests: dict[Partition, Rest] = {}

    @property
    def reason(self) -> str:
        """Why the slot does not publish all of its rows; empty where it does."""
        reasons = sorted({rest.reason for rest in self._rests.values()})
        more = [f"and {len(reasons) - _TOLD} more"] if len(reasons) > _TOLD else []
        return "; ".join(reasons[:_TOLD] + more)

    def resting(self) -> list[Partition]:
        """Return the partitions that are not to be tried yet."""
        now = time.monotonic()
        return [at for at, rest in self._rests.items() if now < rest.until]

    def alone(self) -> set[Partition]:
        """Return the partitions whose rows share no batch, so that those before a refused one get through."""
        return {at for at, rest in self._rests.items() if rest.alone}

    def others(self, tried: Container[Partition]) -> list[Partition]:
        """Return the partitions aside that were not tried."""
        return [at for at in self._rests if at not in tried]

    def learn(
        self,
        unread: Iterable[Partition],
        failures: Mapping[Partition, Exception],
        taken: Container[Partition],
    ) -> None:
        """Leave aside what has failed, and what was not read; whatever else was aside went well or is gone.

        Of the partitions in ``taken`` the broker has had some rows.
        """
        rests = {at: self._rests[at] for at in unread}
        for at, error in failures.items():
            rests[at] = _rest(at, error, self._rests.get(at), some=at in taken)
        self._rests = rests

    def forget(self) -> None:
        """Begin anew, as when somebody else has had the slot."""
        self._rests = {}


def _rest(at: Partition, error: Exception, before: Rest | None, *, some: bool) -> Rest:
    seconds = _SHORTEST if before is None or some else min(2 * before.seconds, _LONGEST)
    refused = isinstance(error, BrokerResponseError) and not error.retriable
    alone = refused or (before is not None and before.alone)
    return Rest(_reason(at, error), seconds, time.monotonic() + seconds, alone)


def _reason(at: Partition, error: Exception) -> str:
    if isinstance(error, Retry):
        return error.reason
    return f"not publishing to {at.topic}, partition {at.number}: {type(error).__name__}"
