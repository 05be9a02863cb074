# SPDX-License-Identifier: Apache-2.0
"""``cairn.operations.v1.OperationsService``, which every service offers about its own consumers."""

from itertools import groupby
from typing import Any

import grpc

from cairn.ids import TenantId
from cairn.operations.v1 import dead_letter_pb2
from cairn.operations.v1 import operations_service_pb2 as messages
from cairn.operations.v1 import operations_service_pb2_grpc as stubs
from chassis.database import Pool
from chassis.operations.doors import DoorCounts
from chassis.operations.examining import Examiner
from chassis.operations.letters import Letter
from chassis.operations.messages import (
    action_message,
    consumer_message,
    door_count_message,
    finding_message,
    letter_message,
    replay_message,
    scan_message,
    waiting_message,
)
from chassis.operations.names import (
    LATEST,
    Place,
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
    replay_name,
)
from chassis.operations.store import OperationsStore, Replay
from chassis.rpc.operators import Operators
from chassis.rpc.peer import caller_of
from chassis.rpc.refusal import Refusal, Violation, invalid
from chassis.unit.deadletter import NOBODY

_KEPT = "must name a dead letter whose bytes intake keeps; any other is published again, mended"
NAME = messages.DESCRIPTOR.services_by_name["OperationsService"].full_name


class OperationsService(stubs.OperationsServiceServicer):
    """Answers operators."""

    def __init__(
        self, pool: Pool, operators: Operators, examiner: Examiner, door: DoorCounts | None = None
    ) -> None:
        """Begin; ``door`` keeps the counts of the service's HTTP door, if it has one."""
        self._operators = operators
        self._examiner = examiner
        self._store = OperationsStore(pool, door)

    async def ExamineService(  # noqa: N802 - the contract's name
        self, _request: messages.ExamineServiceRequest, context: Any
    ) -> messages.ExamineServiceResponse:
        self._authorise(context)
        answer = messages.ExamineServiceResponse(
            findings=[finding_message(each) for each in await self._examiner.look()]
        )
        answer.examine_time.GetCurrentTime()
        return answer

    async def ListConsumers(  # noqa: N802 - the contract's name
        self, _request: messages.ListConsumersRequest, context: Any
    ) -> messages.ListConsumersResponse:
        self._authorise(context)
        found = groupby(await self._store.consumers(), key=lambda progress: progress.consumer)
        losses = await self._store.losses()
        consumers = [consumer_message(name, list(partitions), losses) for name, partitions in found]
        return messages.ListConsumersResponse(consumers=consumers)

    async def PauseConsumer(  # noqa: N802 - the contract's name
        self, request: messages.PauseConsumerRequest, context: Any
    ) -> messages.PauseConsumerResponse:
        known_as = self._authorise(context)
        consumer, operator = read_consumer(request.name), read_operator(request.operator, known_as)
        return messages.PauseConsumerResponse(paused=await self._store.pause_consumer(consumer, operator))

    async def ResumeConsumer(  # noqa: N802 - the contract's name
        self, request: messages.ResumeConsumerRequest, context: Any
    ) -> messages.ResumeConsumerResponse:
        known_as = self._authorise(context)
        consumer, operator = read_consumer(request.name), read_operator(request.operator, known_as)
        return messages.ResumeConsumerResponse(resumed=await self._store.resume(consumer, operator))

    async def AcceptLoss(  # noqa: N802 - the contract's name
        self, request: messages.AcceptLossRequest, context: Any
    ) -> messages.AcceptLossResponse:
        known_as = self._authorise(context)
        (consumer, number), operator = read_loss(request.name), read_operator(request.operator, known_as)
        accepted = await self._store.accept(consumer, number, operator)
        if accepted is None:
            raise Refusal("NOT_FOUND", "there is no such loss")
        return messages.AcceptLossResponse(accepted=accepted)

    async def ListWaitingRecords(  # noqa: N802 - the contract's name
        self, request: messages.ListWaitingRecordsRequest, context: Any
    ) -> messages.ListWaitingRecordsResponse:
        self._authorise(context)
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
            records=[waiting_message(tenant, each) for each in found[:size]],
            next_page_token=page_token(found[size - 1].at) if len(found) > size else "",
        )

    async def ReplayRecord(  # noqa: N802 - the contract's name
        self, request: messages.ReplayRecordRequest, context: Any
    ) -> messages.ReplayRecordResponse:
        known_as = self._authorise(context)
        return messages.ReplayRecordResponse(replay=await self._ask(request, known_as, discard=False))

    async def DiscardRecord(  # noqa: N802 - the contract's name
        self, request: messages.DiscardRecordRequest, context: Any
    ) -> messages.DiscardRecordResponse:
        known_as = self._authorise(context)
        return messages.DiscardRecordResponse(replay=await self._ask(request, known_as, discard=True))

    async def GetReplay(  # noqa: N802 - the contract's name
        self, request: messages.GetReplayRequest, context: Any
    ) -> messages.GetReplayResponse:
        self._authorise(context)
        tenant, replay = read_replay(request.name)
        found = await self._store.replay(tenant, replay)
        if found is None:
            raise Refusal("NOT_FOUND", "there is no such replay")
        return messages.GetReplayResponse(replay=replay_message(request.name, found))

    async def ListDeadLetters(  # noqa: N802 - the contract's name
        self, request: messages.ListDeadLettersRequest, context: Any
    ) -> messages.ListDeadLettersResponse:
        self._authorise(context)
        (tenant, consumer), size = read_letters(request.parent), page_size(request.page_size)
        behind = read_number_token(request.page_token, 0)
        found = await self._store.letters(tenant, consumer, behind, size + 1)
        return messages.ListDeadLettersResponse(
            dead_letters=[letter_message(tenant, each) for each in found[:size]],
            next_page_token=number_token(found[size - 1].name.number) if len(found) > size else "",
        )

    async def GetDeadLetter(  # noqa: N802 - the contract's name
        self, request: messages.GetDeadLetterRequest, context: Any
    ) -> messages.GetDeadLetterResponse:
        self._authorise(context)
        tenant, name = read_letter(request.name)
        found = await self._store.letter(tenant, name)
        return messages.GetDeadLetterResponse(dead_letter=_there(tenant, found))

    async def ReplayDeadLetter(  # noqa: N802 - the contract's name
        self, request: messages.ReplayDeadLetterRequest, context: Any
    ) -> messages.ReplayDeadLetterResponse:
        known_as = self._authorise(context)
        tenant, name = read_letter(request.name)
        request_id, operator = read_request(request.request_id, request.operator, known_as)
        stands = await self._store.replay(tenant, request_id)
        if stands is None:
            letter = await self._store.letter(tenant, name)
            if letter is None or letter.replayed_at or letter.discarded_at:
                raise Refusal("NOT_FOUND", "there is no such dead letter any more")
            if not letter.payload:
                raise invalid(Violation("name", _KEPT))
            stands = await self._store.ask_letter(tenant, request_id, name, operator)
        _check_same(stands, Place(name.consumer, NOBODY, name.number), discard=False)
        told = replay_message(replay_name(tenant, request_id), stands)
        return messages.ReplayDeadLetterResponse(replay=told)

    async def DiscardDeadLetter(  # noqa: N802 - the contract's name
        self, request: messages.DiscardDeadLetterRequest, context: Any
    ) -> messages.DiscardDeadLetterResponse:
        known_as = self._authorise(context)
        (tenant, name), operator = read_letter(request.name), read_operator(request.operator, known_as)
        found = await self._store.discard_letter(tenant, name, operator)
        return messages.DiscardDeadLetterResponse(dead_letter=_there(tenant, found))

    async def GetOutbox(  # noqa: N802 - the contract's name
        self, _request: messages.GetOutboxRequest, context: Any
    ) -> messages.GetOutboxResponse:
        self._authorise(context)
        waiting, oldest = await self._store.outbox()
        outbox = messages.Outbox(waiting=waiting)
        if oldest:
            outbox.oldest_time.FromDatetime(oldest)
        return messages.GetOutboxResponse(outbox=outbox)

    async def ListScans(  # noqa: N802 - the contract's name
        self, request: messages.ListScansRequest, context: Any
    ) -> messages.ListScansResponse:
        self._authorise(context)
        tenant = read_institution(request.parent)
        found = await self._store.scans(tenant)
        return messages.ListScansResponse(scans=[scan_message(tenant, each) for each in found])

    async def PauseScan(  # noqa: N802 - the contract's name
        self, request: messages.PauseScanRequest, context: Any
    ) -> messages.PauseScanResponse:
        known_as = self._authorise(context)
        (tenant, epoch), operator = read_scan(request.name), read_operator(request.operator, known_as)
        changed = await self._store.pause(tenant, epoch, operator, paused=True)
        return messages.PauseScanResponse(paused=changed)

    async def ResumeScan(  # noqa: N802 - the contract's name
        self, request: messages.ResumeScanRequest, context: Any
    ) -> messages.ResumeScanResponse:
        known_as = self._authorise(context)
        (tenant, epoch), operator = read_scan(request.name), read_operator(request.operator, known_as)
        changed = await self._store.pause(tenant, epoch, operator, paused=False)
        return messages.ResumeScanResponse(resumed=changed)

    async def ListDoorCounts(  # noqa: N802 - the contract's name
        self, request: messages.ListDoorCountsRequest, context: Any
    ) -> messages.ListDoorCountsResponse:
        self._authorise(context)
        tenant, since = read_institution(request.parent), read_day("since", request.since)
        found = await self._store.door_counts(tenant, since)
        return messages.ListDoorCountsResponse(counts=[door_count_message(each) for each in found])

    async def ListOperatorActions(  # noqa: N802 - the contract's name
        self, request: messages.ListOperatorActionsRequest, context: Any
    ) -> messages.ListOperatorActionsResponse:
        self._authorise(context)
        tenant, size = read_institution(request.parent), page_size(request.page_size)
        before = read_number_token(request.page_token, LATEST)
        found = await self._store.actions(tenant, before, size + 1)
        return messages.ListOperatorActionsResponse(
            actions=[action_message(each) for each in found[:size]],
            next_page_token=number_token(found[size - 1].number) if len(found) > size else "",
        )

    async def _ask(
        self,
        request: messages.ReplayRecordRequest | messages.DiscardRecordRequest,
        known_as: str,
        *,
        discard: bool,
    ) -> messages.Replay:
        tenant, at = read_record(request.name)
        request_id, operator = read_request(request.request_id, request.operator, known_as)
        stands = await self._store.replay(tenant, request_id)
        if stands is None:
            await self._check_first(tenant, at.consumer, at.learner, at.place)
            stands = await self._store.ask(tenant, request_id, at, operator, discard=discard)
        _check_same(stands, at, discard=discard)
        return replay_message(replay_name(tenant, request_id), stands)

    def _authorise(self, context: grpc.aio.ServicerContext[Any, Any]) -> str:
        """Return how the operator is known; raise the refusal of whoever is none."""
        return self._operators.authorise(caller_of(context))

    async def _check_first(self, tenant: TenantId, consumer: str, learner: str, place: int) -> None:
        first = await self._store.first(tenant, consumer, learner)
        if first is None or place < first:
            raise Refusal("NOT_FOUND", "there is no such waiting record")
        if place > first:
            raise invalid(Violation("name", "must name the first waiting record of the learner"))


def _check_same(stands: Replay, at: Place, *, discard: bool) -> None:
    if (stands.at, stands.discard) != (at, discard):
        raise Refusal("REQUEST_ID_REUSED", "the request id was used before, for another request")


def _there(tenant: TenantId, letter: Letter | None) -> dead_letter_pb2.DeadLetter:
    if letter is None:
        raise Refusal("NOT_FOUND", "there is no such dead letter")
    return letter_message(tenant, letter)
