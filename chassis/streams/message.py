# SPDX-License-Identifier: Apache-2.0
"""A record as the broker gave it, and the message that a handler made of it.

Named tuples, because a batch makes thousands of each: a frozen dataclass takes three times as long to make.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from cairn.ids import LearnerId, TenantId

E = TypeVar("E")
E_co = TypeVar("E_co", covariant=True)

Headers = tuple[tuple[str, bytes], ...]


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int


Offsets: TypeAlias = Mapping[Partition, int]
NO_OFFSETS: Offsets = MappingProxyType({})


class Record(NamedTuple):
    """One record, byte for byte, and where it came from; ``timestamp`` is the broker's, in milliseconds."""

    at: Partition
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int


class Message(NamedTuple, Generic[E]):
    """A decoded record: whose it is, what identifies it, and its parsed event.

    ``digest`` is 16 bytes over the parsed content without recorded-at and transport headers;
    ``as_of`` the instant that intake stamped once (I12).
    """

    record: Record
    tenant: TenantId
    learner: LearnerId
    source: str
    event_id: str
    digest: bytes
    as_of: datetime
    event: E
    traceparent: str | None = None


class Accepted(NamedTuple, Generic[E]):
    """A message that is not a duplicate, with the instant as of which it is to be folded.

    ``as_of`` is the greater of the message's own and the learner's stored one: a learner's time
    never goes back.
    """

    message: Message[E]
    as_of: datetime

    @property
    def event(self) -> E:
        """The parsed event."""
        return self.message.event
