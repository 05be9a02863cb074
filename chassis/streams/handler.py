# SPDX-License-Identifier: Apache-2.0
"""The one type of consumer that both stream runners drive.

A handler sees a batch and a unit of work, and nothing of offsets, acknowledgement or retries.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from cairn.events.skipped import Skipped
from cairn.ids import TenantId
from chassis.database import Connection
from chassis.streams.message import Accepted, Message, Record
from chassis.unit.unit import Unit

E = TypeVar("E")


class Handler(Protocol[E]):
    """What a service does with the records of its topics."""

    @property
    def consumer(self) -> str:
        """The name of its inbox, of its progress rows and of its consumer group."""
        ...

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that it reads."""
        ...

    def decode(self, record: Record) -> Message[E]:
        """Parse one record; raise :class:`chassis.errors.Reject` when it cannot be."""
        ...

    async def reload(self, connection: Connection, tenant: TenantId, epoch: int, /) -> None:
        """Load the tenant's rules or policies again: their epoch has moved."""
        ...

    async def skip(self, unit: Unit, skipped: Skipped) -> None:
        """Pass a change over that is never to be folded, so that what follows it leaves no gap.

        Its revision moves on. It is called for no fact, and may be of something that is not followed here.
        """
        ...

    async def fold(self, unit: Unit, accepted: Sequence[Accepted[E]]) -> None:
        """Load state, fold record by record in the given order, store state, publish changes."""
        ...
