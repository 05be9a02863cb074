# SPDX-License-Identifier: Apache-2.0
"""Every read of the record, on one path: authorise, disclose, answer.

The disclosure is committed before the answer exists for the caller, also when the answer is that
there is nothing (I8).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from cairn.ids import LearnerId, TenantId
from chassis.errors import Retry
from chassis.rpc.caller import Caller
from chassis.rpc.refusal import Refusal, Violation, invalid
from services.records.app.authority import Asked, Authority, Permission, is_purpose
from services.records.app.disclosure import Detail, Disclosure, DisclosureLog
from services.records.app.names import (
    Scope,
    institution_in,
    learner_in,
    read_entry,
    read_learner,
    read_parent,
)
from services.records.app.page_token import PageTokens
from services.records.domain.record import AsOf, LearnerRecord, Reach, Recorded, learner_record

_NOW_ALONE = "must be left out: the sharing basis tells the record as it now is, and nothing of its history"
# As of one instant the answer is one for good: told now, it would be another one when that instant is there.
_AHEAD = "must not lie ahead of the service's clock; left out, it is everything known now"
DEFAULT_PAGE = 100
LARGEST_PAGE = 1000

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Told(Generic[A]):
    """An answer that may leave: it is logged under ``disclosure_id``."""

    answer: A
    disclosure_id: UUID


@dataclass(frozen=True, slots=True)
class TimedRecord:
    """A learner's record with the two times that it is as of."""

    tenant: TenantId
    learner: LearnerId
    record: LearnerRecord
    effective_as_of: date | None
    recorded_as_of: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries by position; ``next_page_token`` is empty on the last page."""

    entries: tuple[Recorded, ...]
    next_page_token: str


class RecordStore(Protocol):
    """Where the record is read; nothing of another tenant can come out of it."""

    async def of_learner(self, tenant: TenantId, learner: LearnerId) -> Sequence[Recorded]:
        """Return all entries of a learner by sequence, with and without a position."""
        ...

    async def one(self, scope: Scope, entry_id: UUID) -> Recorded | None:
        """Return an entry, if it is there and of this learner where the scope names one."""
        ...

    async def behind(self, scope: Scope, position: int, most: int) -> "Stretch":
        """Return the next entries behind a position."""
        ...


@dataclass(frozen=True, slots=True)
class Stretch:
    """Entries by position, and how far the record reached when they were read; 0 is not at all."""

    entries: tuple[Recorded, ...]
    extent: int


class Desk:
    """The one place where an answer is authorised and logged."""

    def __init__(self, authority: Authority, log: DisclosureLog) -> None:
        self._authority = authority
        self._log = log

    async def authorise(self, caller: Caller, name: str, method: str, purpose: str) -> Permission:
        """Return the permission of a call about a resource; raise before more of it is looked at."""
        asked = Asked(institution_in(name), learner_in(name), method, purpose)
        permission = await self._authority.authorise(caller, asked)
        if purpose and not is_purpose(purpose):
            raise invalid(Violation("purpose", "must be an id of a-z, 0-9, . _ and -, such as admission"))
        return permission

    async def disclose(self, permission: Permission, scope: Scope, *, asked: Detail, told: Detail) -> UUID:
        """Commit what is about to be told, and return the id under which it stands.

        Raises Retry where it is for a partner of whom there is a newer version by now, or under a basis
        that is not in force any more.
        """
        disclosure_id = await self._disclose(None, permission, scope, asked, told)
        if disclosure_id is None:
            raise Retry("who may ask has changed while the call was answered")
        return disclosure_id

    async def disclose_at(
        self, reach: Reach, permission: Permission, scope: Scope, *, asked: Detail, told: Detail
    ) -> UUID | None:
        """Commit what is about to be told of a record that reaches exactly so far; None where it does not."""
        return await self._disclose(reach, permission, scope, asked, told)

    async def _disclose(
        self, reach: Reach | None, permission: Permission, scope: Scope, asked: Detail, told: Detail
    ) -> UUID | None:
        disclosure = Disclosure(
            tenant=scope.tenant,
            permission=permission,
            learner=scope.learner,
            asked=asked,
            told={**told, "fields": permission.told_fields},
            reach=reach,
        )
        return await self._log.disclose(disclosure)


class Reader:
    """Answers the calls that are answered once."""

    def __init__(
        self, desk: Desk, store: RecordStore, tokens: PageTokens, clock: Callable[[], datetime]
    ) -> None:
        self._desk = desk
        self._store = store
        self._tokens = tokens
        self._clock = clock

    async def learner_record(self, permission: Permission, name: str, as_of: AsOf) -> Told[TimedRecord]:
        """Tell what was true on a day, as known at an instant; nothing recorded is an empty record."""
        tenant, learner = read_learner(name)
        if not permission.history:
            given = {"effective_as_of": as_of.effective, "recorded_as_of": as_of.recorded}
            raise invalid(*(Violation(each, _NOW_ALONE) for each, time in given.items() if time))
        now = self._clock()
        if as_of.recorded is not None and as_of.recorded > now:
            raise invalid(Violation("recorded_as_of", _AHEAD))
        entries = await self._store.of_learner(tenant, learner)
        record = learner_record(entries, as_of)
        disclosure_id = await self._desk.disclose(
            permission,
            Scope(tenant, learner),
            asked={"effective_as_of": _text(as_of.effective), "recorded_as_of": _text(as_of.recorded)},
            told=told_of_record(record),
        )
        timed = TimedRecord(tenant, learner, record, as_of.effective, as_of.recorded or now)
        return Told(timed, disclosure_id)

    async def entry(self, permission: Permission, name: str) -> Told[Recorded]:
        """Tell one entry with its explanation; raise NOT_FOUND, logged like any answer."""
        wanted = read_entry(name)
        found = await self._store.one(wanted.scope, wanted.entry_id)
        scope = wanted.scope if found is None else Scope(wanted.scope.tenant, found.statement.learner)
        disclosure_id = await self._desk.disclose(
            permission,
            scope,
            asked={"entry": str(wanted.entry_id)},
            told={"entries": 0 if found is None else 1},
        )
        if found is None:
            raise Refusal("NOT_FOUND", "there is no such entry")
        return Told(found, disclosure_id)

    async def entries(
        self, permission: Permission, parent: str, page_size: int, page_token: str
    ) -> Told[Page]:
        """Tell the next page of entries that have a position."""
        scope = read_parent(parent)
        size = read_page_size(page_size)
        position = self._tokens.read(parent, page_token) if page_token else 0
        stretch = await self._store.behind(scope, position, size + 1)
        shown = stretch.entries[:size]
        more = len(stretch.entries) > size
        disclosure_id = await self._desk.disclose(
            permission, scope, asked={"after_position": position}, told=told_of(shown)
        )
        token = self._tokens.make(parent, place_of(shown[-1])) if more else ""
        return Told(Page(shown, token), disclosure_id)


def place_of(entry: Recorded) -> int:
    """Return the position of an entry that has one."""
    if entry.position is None:
        raise AssertionError("lists and watches show positioned entries only")
    return entry.position


def told_of(entries: Sequence[Recorded]) -> Detail:
    """Say which entries are told, as the log keeps it."""
    if not entries:
        return {"entries": 0}
    return {"entries": len(entries), "first": place_of(entries[0]), "last": place_of(entries[-1])}


def told_of_record(record: LearnerRecord) -> Detail:
    """Say which record is told, as the log keeps it."""
    return {"entries": len(record.entries), "head": record.head.hash.hex() if record.head else None}


def read_page_size(asked: int) -> int:
    """Return how many to answer with (AIP-158)."""
    if asked < 0:
        raise invalid(Violation("page_size", "must not be negative"))
    return min(asked, LARGEST_PAGE) or DEFAULT_PAGE


def _text(time: date | datetime | None) -> str | None:
    return None if time is None else time.isoformat()
