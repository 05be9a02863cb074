# SPDX-License-Identifier: Apache-2.0
"""``cairn.operations.v1.OperationsService``, which every service offers about its own consumers.

Until operators can be authenticated the server is bound to loopback, and so is every caller.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import grpc
from google.type import date_pb2

from cairn.ids import TenantId
from cairn.operations.v1 import (
    consumer_pb2,
    dead_letter_pb2,
    door_count_pb2,
    operator_action_pb2,
    scan_pb2,
    waiting_record_pb2,
)
from cairn.operations.v1 import operations_service_pb2 as messages
from cairn.operations.v1 import operations_service_pb2_grpc as stubs
from chassis.database import Pool
from chassis.operations.actions import Action
from chassis.operations.doors import DoorCount, DoorCounts
from chassis.operations.letters import Letter
from chassis.operations.names import (
    LATEST,
    consumer_name,
    letter_name,
    loss_name,
    number_token,
    page_size,
    page_token,
    read_consumer,
    read_day,
    read_institution,
    read_letter,
    read_letters,
    read_loss,
    read_number_token,
    read_operator,
    read_page_token,
    read_parent,
    read_record,
    read_replay,
    read_request,
    read_scan,
    record_name,
    replay_name,
    scan_name,
)
from chassis.operations.scans import Scan
from chassis.operations.store import NoticedLoss, OperationsStore, Progress, Replay, WaitingRecord
from chassis.rpc.refusal import Refusal, Violation, invalid
from chassis.rpc.server import is_loopback

NAME = messages.DESCRIPTOR.services_by_name["OperationsService"].full_name


class OperationsService(stubs.OperationsServiceServicer):
    """Answers operators."""

    def __init__(self, pool: Pool, door: DoorCounts | None = None) -> None:
        """Begin; ``door`` keeps the counts of the service's HTTP door, if it has one."""
        self._store = OperationsStore(pool, door)

    async def ListConsumers(  # noqa: N802 - the contract's name
        self, _request: messages.ListConsumersRequest, context: Any
    ) -> messages.ListConsumersResponse:
        _authorise(context)
        found = groupby(await self._store.consumers(), key=lambda progress: progress.consumer)
        losses = await self._store.losses()
        consumers = [_consumer(name, list(partitions), losses) for name, partitions in found]
        return messages.ListConsumersResponse(consumers=consumers)

    async def ResumeConsumer(  # noqa: N802 - the contract's name
        self, request: messages.ResumeConsumerRequest, context: Any
    ) -> messages.ResumeConsumerResponse:
        _authorise(context)
        consumer, operator = read_consumer(request.name), read_operator(request.operator)
        return messages.ResumeConsumerResponse(resumed=await self._store.resume(consumer, operator))

    async def AcceptLoss(  # noqa: N802 - the contract's name
        self, request: messages.AcceptLossRequest, context: Any
    ) -> messages.AcceptLossResponse:
        _authorise(context)
        (consumer, number), operator = read_loss(request.name), read_operator(request.operator)
        accepted = await self._store.accept(consumer, number, operator)
        if accepted is None:
            raise Refusal("NOT_FOUND", "there is no such loss")
        return messages.AcceptLossResponse(accepted=accepted)

    async def ListWaitingRecords(  # noqa: N802 - the contract's name
        self, request: messages.ListWaitingRecordsRequest, context: Any
    ) -> messages.ListWaitingRecordsResponse:
        _authorise(context)
        tenant, *only = read_parent(request.parent)
        size = page_size(request.page_size)
        found = await self._store.waiting(
            tenant,
            read_page_token(request.page_token),
            (only[0], only[1]),
            size + 1,
            first_only=request.first_only,
        )
        return messages.ListWaitingRecordsResponse(
            records=[_waiting(tenant, each) for each in found[:size]],
            next_page_token=page_token(found[size - 1].at) if len(found) > size else "",
        )

    async def ReplayRecord(  # noqa: N802 - the contract's name
        self, request: messages.ReplayRecordRequest, context: Any
    ) -> messages.ReplayRecordResponse:
        _authorise(context)
        return messages.ReplayRecordResponse(replay=await self._ask(request, discard=False))

    async def DiscardRecord(  # noqa: N802 - the contract's name
        self, request: messages.DiscardRecordRequest, context: Any
    ) -> messages.DiscardRecordResponse:
        _authorise(context)
        return messages.DiscardRecordResponse(replay=await self._ask(request, discard=True))

    async def GetReplay(  # noqa: N802 - the contract's name
        self, request: messages.GetReplayRequest, context: Any
    ) -> messages.GetReplayResponse:
        _authorise(context)
        tenant, replay = read_replay(request.name)
        found = await self._store.replay(tenant, replay)
        if found is None:
            raise Refusal("NOT_FOUND", "there is no such replay")
        return messages.GetReplayResponse(replay=_replay(request.name, found))

    async def ListDeadLetters(  # noqa: N802 - the contract's name
        self, request: messages.ListDeadLettersRequest, context: Any
    ) -> messages.ListDeadLettersResponse:
        _authorise(context)
        (tenant, consumer), size = read_letters(request.parent), page_size(request.page_size)
        behind = read_number_token(request.page_token, 0)
        found = await self._store.letters(tenant, consumer, behind, size + 1)
        return messages.ListDeadLettersResponse(
            dead_letters=[_letter(tenant, each) for each in found[:size]],
            next_page_token=number_token(found[size - 1].name.number) if len(found) > size else "",
        )

    async def GetDeadLetter(  # noqa: N802 - the contract's name
        self, request: messages.GetDeadLetterRequest, context: Any
    ) -> messages.GetDeadLetterResponse:
        _authorise(context)
        tenant, name = read_letter(request.name)
        found = await self._store.letter(tenant, name)
        return messages.GetDeadLetterResponse(dead_letter=_there(tenant, found))

    async def DiscardDeadLetter(  # noqa: N802 - the contract's name
        self, request: messages.DiscardDeadLetterRequest, context: Any
    ) -> messages.DiscardDeadLetterResponse:
        _authorise(context)
        (tenant, name), operator = read_letter(request.name), read_operator(request.operator)
        found = await self._store.discard_letter(tenant, name, operator)
        return messages.DiscardDeadLetterResponse(dead_letter=_there(tenant, found))

    async def GetOutbox(  # noqa: N802 - the contract's name
        self, _request: messages.GetOutboxRequest, context: Any
    ) -> messages.GetOutboxResponse:
        _authorise(context)
        waiting, oldest = await self._store.outbox()
        outbox = messages.Outbox(waiting=waiting)
        if oldest:
            outbox.oldest_time.FromDatetime(oldest)
        return messages.GetOutboxResponse(outbox=outbox)

    async def ListScans(  # noqa: N802 - the contract's name
        self, request: messages.ListScansRequest, context: Any
    ) -> messages.ListScansResponse:
        _authorise(context)
        tenant = read_institution(request.parent)
        found = await self._store.scans(tenant)
        return messages.ListScansResponse(scans=[_scan(tenant, each) for each in found])

    async def PauseScan(  # noqa: N802 - the contract's name
        self, request: messages.PauseScanRequest, context: Any
    ) -> messages.PauseScanResponse:
        _authorise(context)
        (tenant, epoch), operator = read_scan(request.name), read_operator(request.operator)
        changed = await self._store.pause(tenant, epoch, operator, paused=True)
        return messages.PauseScanResponse(paused=changed)

    async def ResumeScan(  # noqa: N802 - the contract's name
        self, request: messages.ResumeScanRequest, context: Any
    ) -> messages.ResumeScanResponse:
        _authorise(context)
        (tenant, epoch), operator = read_scan(request.name), read_operator(request.operator)
        changed = await self._store.pause(tenant, epoch, operator, paused=False)
        return messages.ResumeScanResponse(resumed=changed)

    async def ListDoorCounts(  # noqa: N802 - the contract's name
        self, request: messages.ListDoorCountsRequest, context: Any
    ) -> messages.ListDoorCountsResponse:
        _authorise(context)
        tenant, since = read_institution(request.parent), read_day("since", request.since)
        found = await self._store.door_counts(tenant, since)
        return messages.ListDoorCountsResponse(counts=[_door_count(each) for each in found])

    async def ListOperatorActions(  # noqa: N802 - the contract's name
        self, request: messages.ListOperatorActionsRequest, context: Any
    ) -> messages.ListOperatorActionsResponse:
        _authorise(context)
        tenant, size = read_institution(request.parent), page_size(request.page_size)
        before = read_number_token(request.page_token, LATEST)
        found = await self._store.actions(tenant, before, size + 1)
        return messages.ListOperatorActionsResponse(
            actions=[_action(each) for each in found[:size]],
            next_page_token=number_token(found[size - 1].number) if len(found) > size else "",
        )

    async def _ask(
        self, request: messages.ReplayRecordRequest | messages.DiscardRecordRequest, *, discard: bool
    ) -> messages.Replay:
        tenant, at = read_record(request.name)
        request_id, operator = read_request(request.request_id, request.operator)
        stands = await self._store.replay(tenant, request_id)
        if stands is None:
            await self._check_first(tenant, at.consumer, at.learner, at.place)
            stands = await self._store.ask(tenant, request_id, at, operator, discard=discard)
        if (stands.at, stands.discard) != (at, discard):
            raise Refusal("REQUEST_ID_REUSED", "the request id was used before, for another request")
        return _replay(replay_name(tenant, request_id), stands)

    async def _check_first(self, tenant: TenantId, consumer: str, learner: str, place: int) -> None:
        first = await self._store.first(tenant, consumer, learner)
        if first is None or place < first:
            raise Refusal("NOT_FOUND", "there is no such waiting record")
        if place > first:
            raise invalid(Violation("name", "must name the first waiting record of the learner"))


def _authorise(context: grpc.aio.ServicerContext[Any, Any]) -> None:
    if not is_loopback(context.peer()):
        raise Refusal("PERMISSION_DENIED", "only callers on this machine may ask")


def _consumer(
    name: str, partitions: Sequence[Progress], losses: Iterable[NoticedLoss]
) -> consumer_pb2.Consumer:
    message = consumer_pb2.Consumer(name=consumer_name(name))
    message.losses.extend(_loss(each) for each in losses if each.consumer == name)
    for each in partitions:
        applied, duplicate, ignored, parked, dead_lettered = each.counts
        message.partitions.add(
            topic=each.topic,
            partition=each.partition,
            next_offset=each.next_offset,
            applied=applied,
            duplicate=duplicate,
            ignored=ignored,
            parked=parked,
            dead_lettered=dead_lettered,
        )
    if halted := partitions[0].halted:
        message.halt_time.FromDatetime(halted)
    return message


def _loss(noticed: NoticedLoss) -> consumer_pb2.Loss:
    loss = noticed.loss
    message = consumer_pb2.Loss(
        name=loss_name(noticed.consumer, noticed.number),
        topic=loss.topic,
        stored_topic_id=str(loss.stored_id or ""),
        found_topic_id=str(loss.found_id or ""),
    )
    if loss.next_offset is not None and loss.log_start is not None:
        message.range.partition = loss.partition or 0
        message.range.first_offset = min(loss.next_offset, loss.log_start)
        message.range.last_offset = max(loss.next_offset, loss.log_start) - 1
    message.notice_time.FromDatetime(noticed.noticed_at)
    return message


def _waiting(tenant: TenantId, waiting: WaitingRecord) -> waiting_record_pb2.WaitingRecord:
    message = waiting_record_pb2.WaitingRecord(
        name=record_name(tenant, waiting.at),
        state=waiting_record_pb2.WaitingState.Value(f"WAITING_STATE_{waiting.outcome.upper()}"),
        reason=waiting.reason,
        field=waiting.field,
        topic=waiting.topic,
        partition=waiting.partition,
        offset=waiting.offset,
    )
    message.wait_time.FromDatetime(waiting.since)
    return message


def _there(tenant: TenantId, letter: Letter | None) -> dead_letter_pb2.DeadLetter:
    if letter is None:
        raise Refusal("NOT_FOUND", "there is no such dead letter")
    return _letter(tenant, letter)


def _letter(tenant: TenantId, letter: Letter) -> dead_letter_pb2.DeadLetter:
    message = dead_letter_pb2.DeadLetter(
        name=letter_name(tenant, letter.name),
        learner=letter.learner,
        reason=letter.reason,
        field=letter.field,
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        payload=letter.payload,
    )
    message.put_aside_time.FromDatetime(letter.put_aside_at)
    if letter.discarded_at:
        message.discard_time.FromDatetime(letter.discarded_at)
    return message


def _scan(tenant: TenantId, scan: Scan) -> scan_pb2.Scan:
    message = scan_pb2.Scan(
        name=scan_name(tenant, scan.epoch),
        paused=scan.paused,
        looked_at=scan.looked_at,
        told=scan.told,
    )
    message.publish_time.FromDatetime(scan.as_of)
    message.advance_time.FromDatetime(scan.advanced_at)
    return message


def _door_count(count: DoorCount) -> door_count_pb2.DoorCount:
    return door_count_pb2.DoorCount(
        source=count.source,
        day=date_pb2.Date(year=count.day.year, month=count.day.month, day=count.day.day),
        stored=count.stored,
        duplicate=count.duplicate,
        conflict=count.conflict,
        refused=count.refused,
        refusals=[
            door_count_pb2.RefusalCount(reason=reason, refused=refused)
            for reason, refused in count.refusals.items()
        ],
    )


def _action(action: Action) -> operator_action_pb2.OperatorAction:
    message = operator_action_pb2.OperatorAction(
        kind=operator_action_pb2.OperatorActionKind.Value(f"OPERATOR_ACTION_KIND_{action.kind.upper()}"),
        operator=action.operator,
        subject=action.subject,
    )
    message.act_time.FromDatetime(action.acted_at)
    return message


def _replay(name: str, replay: Replay) -> messages.Replay:
    return messages.Replay(name=name, done=replay.done, outcome=replay.outcome, followed=replay.followed)
