# SPDX-License-Identifier: Apache-2.0
"""What operators see of the chassis's own tables, and the requests that they leave there."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from cairn.events.change import Change
from cairn.ids import LearnerId, TenantId
from chassis.database import Pool, transaction
from chassis.operations import actions, letters, scans
from chassis.operations.actions import Action, Kind
from chassis.operations.doors import DoorCount, DoorCounts, NoDoor
from chassis.operations.letters import Letter, LetterName
from chassis.operations.names import Place, consumer_name, letter_name, loss_name, record_name, scan_name
from chassis.operations.scans import Scan
from chassis.streams.decode import About, about
from chassis.streams.message import Partition, Record
from chassis.unit import breaker
from chassis.unit.deadletter import NOBODY
from chassis.unit.losses import Loss
from chassis.unit.outbox import read_headers
from chassis.unit.parking import Asked, ask, heads

_CONSUMERS = """
select fence.consumer, fence.topic, fence.partition, fence.next_offset, fence.applied, fence.duplicate,
    fence.ignored, fence.parked, fence.dead_lettered, breaker.open_since,
    breaker.paused_by
from chassis.fence
left join lateral (
    select open_since, paused_by from chassis.breaker where breaker.consumer = fence.consumer offset 0
) as breaker on true
order by fence.consumer, fence.topic, fence.partition
"""
_LOSSES = """
select distinct on (loss.consumer, loss.topic, loss.partition) loss.consumer, loss.id, loss.topic,
    loss.stored_id, loss.found_id, loss.partition, loss.next_offset, loss.log_start, loss.noticed_at
from chassis.loss
where accepted_at is null and chassis.stands(loss)
order by loss.consumer, loss.topic, loss.partition, loss.id desc
"""
_ACCEPT = "select chassis.accept_loss($1, $2, $3)"
_OUTBOX = "select waiting, oldest from chassis.outbox_state()"
# What is larger than any event of ours is not read for what it is about.
_WAITING = """
select consumer, learner, place, outcome, reason, field, topic, partition, "offset", since,
    key, headers, case when octet_length(value) <= 16384 then value end as value
from chassis.parked
where tenant = $1 and (consumer, learner, place) > ($2, $3, $4)
    and ($5 = '' or consumer = $5) and ($6 = '' or learner = $6)
    and (not $7 or not exists (
        select from chassis.parked as before
        where before.tenant = parked.tenant and before.consumer = parked.consumer
            and before.learner = parked.learner and before.place < parked.place
    ))
order by tenant, consumer, learner, place
limit $8
"""
_REPLAY = """
select consumer, learner, place, action, done_at is not null as done, outcome, followed, skipped_subject,
    skipped_revision
from chassis.replay where tenant = $1 and id = $2
"""


class Progress(NamedTuple):
    """How far a consumer is with one partition; ``counts`` are in the order of the outcomes."""

    consumer: str
    topic: str
    partition: int
    next_offset: int
    counts: tuple[int, int, int, int, int]
    halted: datetime | None
    paused_by: str


class NoticedLoss(NamedTuple):
    """What a consumer has found missing, under which number and when."""

    consumer: str
    number: int
    loss: Loss
    noticed_at: datetime


class WaitingRecord(NamedTuple):
    """One record that waits, and why."""

    at: Place
    outcome: str
    reason: str
    field: str
    topic: str
    partition: int
    offset: int
    since: datetime
    about: About


class Replay(NamedTuple):
    """What was asked, and what became of it."""

    at: Place
    discard: bool
    done: bool
    outcome: str
    followed: int
    skipped: Change | None


class OperationsStore:
    """Reads and writes as the serving role, which sees one tenant at a time."""

    def __init__(self, pool: Pool, door: DoorCounts | None = None) -> None:
        self._pool = pool
        self._door = door or NoDoor()

    async def consumers(self) -> list[Progress]:
        """Return the progress of every consumer, by name, topic and partition."""
        return [_progress(row) for row in await self._pool.fetch(_CONSUMERS)]

    async def pause_consumer(self, consumer: str, operator: str) -> bool:
        """Halt a consumer until it is resumed; tell whether it was going on."""
        async with transaction(self._pool, []) as connection:
            paused = await breaker.pause(connection, consumer, operator)
            if paused:
                await actions.note(connection, operator, "pause_consumer", consumer_name(consumer))
        return paused

    async def resume(self, consumer: str, operator: str) -> bool:
        """Let a halted consumer go on; tell whether it was halted."""
        async with transaction(self._pool, []) as connection:
            resumed = await breaker.resume(connection, consumer)
            if resumed:
                await actions.note(connection, operator, "resume_consumer", consumer_name(consumer))
        return resumed

    async def actions(self, tenant: TenantId, before: int, most: int) -> Sequence[Action]:
        """Return what operators did, the latest first: to consumers, and to what is the tenant's."""
        async with transaction(self._pool, [tenant]) as connection:
            return await actions.latest(connection, before, most)

    async def losses(self) -> list[NoticedLoss]:
        """Return what is missing and has not been accepted, as it was noticed last."""
        rows = await self._pool.fetch(_LOSSES)
        return [NoticedLoss(row[0], row[1], Loss(*row[2:8]), row[8]) for row in map(tuple, rows)]

    async def accept(self, consumer: str, number: int, operator: str) -> bool | None:
        """Accept a loss; tell whether it stood, and None where there is none of that number."""
        async with transaction(self._pool, []) as connection:
            accepted: bool | None = await connection.fetchval(_ACCEPT, consumer, number, operator)
            if accepted:
                await actions.note(connection, operator, "accept_loss", loss_name(consumer, number))
        return accepted

    async def waiting(
        self, tenant: TenantId, after: Place, only: tuple[str, str], most: int, *, first_only: bool
    ) -> Sequence[WaitingRecord]:
        """Return the next waiting records behind a place; ``only`` is consumer and learner, "" for all."""
        async with transaction(self._pool, [tenant]) as connection:
            rows = await connection.fetch(_WAITING, tenant, *after, *only, first_only, most)
        return [_waiting(row) for row in rows]

    async def letters(self, tenant: TenantId, consumer: str, behind: int, most: int) -> Sequence[Letter]:
        """Return the next dead letters that stand; an empty ``consumer`` means any."""
        async with transaction(self._pool, [tenant]) as connection:
            return await letters.standing(connection, tenant, consumer, behind, most)

    async def letter(self, tenant: TenantId, name: LetterName) -> Letter | None:
        """Return a dead letter, whatever has become of it."""
        async with transaction(self._pool, [tenant]) as connection:
            return await letters.one(connection, tenant, name)

    async def discard_letter(self, tenant: TenantId, name: LetterName, operator: str) -> Letter | None:
        """Let a dead letter be listed no more, and return it."""
        async with transaction(self._pool, [tenant]) as connection:
            if await letters.discard(connection, tenant, name):
                subject = letter_name(tenant, name)
                await actions.note(connection, operator, "discard_dead_letter", subject, tenant)
            return await letters.one(connection, tenant, name)

    async def outbox(self) -> tuple[int, datetime | None]:
        """Return how many rows wait to be published, and since when the oldest does."""
        row = await self._pool.fetchrow(_OUTBOX)
        return (0, None) if row is None else (row["waiting"], row["oldest"])

    async def scans(self, tenant: TenantId) -> Sequence[Scan]:
        """Return the tenant's scans that are not finished."""
        async with transaction(self._pool, [tenant]) as connection:
            return await scans.unfinished(connection, tenant)

    async def pause(self, tenant: TenantId, epoch: int, operator: str, *, paused: bool) -> bool:
        """Pause a scan or let it go on; tell whether that changed anything."""
        kind: Kind = "pause_scan" if paused else "resume_scan"
        async with transaction(self._pool, [tenant]) as connection:
            changed = await scans.pause(connection, tenant, epoch, paused=paused)
            if changed:
                await actions.note(connection, operator, kind, scan_name(tenant, epoch), tenant)
        return changed

    async def door_counts(self, tenant: TenantId, since: date) -> Sequence[DoorCount]:
        """Return how what came through the HTTP door ended, from a day on."""
        async with transaction(self._pool, [tenant]) as connection:
            return await self._door.since(connection, tenant, since)

    async def first(self, tenant: TenantId, consumer: str, learner: str) -> int | None:
        """Return the place of a learner's first waiting record."""
        key = tenant, LearnerId(learner)
        async with transaction(self._pool, [tenant]) as connection:
            head = (await heads(connection, consumer, [key])).get(key)
        return None if head is None else head.place

    async def ask(
        self, tenant: TenantId, request: UUID, at: Place, operator: str, *, discard: bool
    ) -> Replay:
        """Ask for a replay or a discard, once for each request id; return what stands under it."""
        kind: Kind = "discard_record" if discard else "replay_record"
        asked = Asked(request, (tenant, LearnerId(at.learner)), at.consumer, at.place, operator, discard)
        return await self._ask(asked, kind, record_name(tenant, at))

    async def ask_letter(self, tenant: TenantId, request: UUID, name: LetterName, operator: str) -> Replay:
        """Ask for a dead letter to be taken in again, once for each request id; return what stands there."""
        asked = Asked(request, (tenant, NOBODY), name.consumer, name.number, operator)
        return await self._ask(asked, "replay_dead_letter", letter_name(tenant, name))

    async def _ask(self, asked: Asked, kind: Kind, subject: str) -> Replay:
        tenant, _ = asked.learner
        async with transaction(self._pool, [tenant]) as connection:
            if await ask(connection, asked):
                await actions.note(connection, asked.by, kind, subject, tenant)
            return _replay(await connection.fetchrow(_REPLAY, tenant, asked.id))

    async def replay(self, tenant: TenantId, request: UUID) -> Replay | None:
        """Return what was asked under a request id."""
        async with transaction(self._pool, [tenant]) as connection:
            row = await connection.fetchrow(_REPLAY, tenant, request)
        return None if row is None else _replay(row)


def _progress(row: Any) -> Progress:
    consumer, topic, partition, next_offset, *counts, halted, paused_by = row
    applied, duplicate, ignored, parked, dead_lettered = counts
    ended = applied, duplicate, ignored, parked, dead_lettered
    return Progress(consumer, topic, partition, next_offset, ended, halted, paused_by or "")


def _waiting(row: Any) -> WaitingRecord:
    consumer, learner, place, *rest, key, headers, value = row
    record = Record(
        Partition(row["topic"], row["partition"]), row["offset"], key, value, tuple(read_headers(headers)), 0
    )
    return WaitingRecord._make([Place(consumer, learner, place), *rest, about(record)])


def _replay(row: Any) -> Replay:
    consumer, learner, place, action, done, outcome, followed, *skipped = row
    at, change = Place(consumer, learner, place), Change(*skipped) if skipped[0] else None
    return Replay(at, action == "discard", done, outcome or "", followed or 0, change)
