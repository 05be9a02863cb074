# SPDX-License-Identifier: Apache-2.0
"""What operators see and do at one service: progress, waiting records, replays, halted consumers."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from uuid import uuid4

import grpc

from cairn.client.channel import ask, open_channel, to_date
from cairn.client.tls import Tls
from cairn.operations.v1.consumer_pb2 import Consumer
from cairn.operations.v1.dead_letter_pb2 import DeadLetter
from cairn.operations.v1.door_count_pb2 import DoorCount
from cairn.operations.v1.operations_service_pb2 import (
    AcceptLossRequest,
    DiscardDeadLetterRequest,
    DiscardRecordRequest,
    ExamineServiceRequest,
    ExamineServiceResponse,
    GetDeadLetterRequest,
    GetOutboxRequest,
    GetReplayRequest,
    ListConsumersRequest,
    ListDeadLettersRequest,
    ListDoorCountsRequest,
    ListOperatorActionsRequest,
    ListScansRequest,
    ListWaitingRecordsRequest,
    Outbox,
    PauseConsumerRequest,
    PauseScanRequest,
    Replay,
    ReplayDeadLetterRequest,
    ReplayRecordRequest,
    ResumeConsumerRequest,
    ResumeScanRequest,
)
from cairn.operations.v1.operations_service_pb2_grpc import OperationsServiceStub
from cairn.operations.v1.operator_action_pb2 import OperatorAction
from cairn.operations.v1.scan_pb2 import Scan
from cairn.operations.v1.waiting_record_pb2 import WaitingRecord

_LOOK_SECONDS = 0.2


class OperationsClient:
    """Asks one service; every method raises CallError."""

    def __init__(self, channel: grpc.aio.Channel, operator: str = "") -> None:
        """Use a channel that the caller closes; ``operator`` is who acts, and stays on record."""
        self._stub = OperationsServiceStub(channel)
        self._operator = operator

    async def examine(self) -> ExamineServiceResponse:
        """Return what the service finds where it looks at what it needs."""
        return await ask(self._stub.ExamineService, ExamineServiceRequest())

    async def consumers(self) -> Sequence[Consumer]:
        """Return the service's consumers with their progress and counts."""
        return (await ask(self._stub.ListConsumers, ListConsumersRequest())).consumers

    async def pause_consumer(self, consumer: str) -> bool:
        """Halt a consumer until it is resumed; tell whether it was going on."""
        request = PauseConsumerRequest(name=f"consumers/{consumer}", operator=self._operator)
        return (await ask(self._stub.PauseConsumer, request)).paused

    async def resume(self, consumer: str) -> bool:
        """Let a halted consumer go on; tell whether it was halted."""
        request = ResumeConsumerRequest(name=f"consumers/{consumer}", operator=self._operator)
        return (await ask(self._stub.ResumeConsumer, request)).resumed

    async def accept(self, loss: str) -> bool:
        """Accept a loss, by its name; tell whether it stood."""
        request = AcceptLossRequest(name=loss, operator=self._operator)
        return (await ask(self._stub.AcceptLoss, request)).accepted

    async def waiting(
        self, tenant: str, consumer: str = "-", learner: str = "-", *, first_only: bool = False
    ) -> AsyncIterator[WaitingRecord]:
        """Yield what waits, by consumer, learner and order; only the first of each learner if asked."""
        parent = f"institutions/{tenant}/consumers/{consumer}/learners/{learner}"
        request = ListWaitingRecordsRequest(parent=parent, page_size=1000, first_only=first_only)
        while True:
            page = await ask(self._stub.ListWaitingRecords, request)
            for record in page.records:
                yield record
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def replay(self, name: str) -> Replay:
        """Ask for a learner's first waiting record to be folded, and those behind it."""
        request = ReplayRecordRequest(name=name, operator=self._operator, request_id=str(uuid4()))
        return (await ask(self._stub.ReplayRecord, request)).replay

    async def discard(self, name: str) -> Replay:
        """Ask for a learner's first waiting record to be passed over for good."""
        request = DiscardRecordRequest(name=name, operator=self._operator, request_id=str(uuid4()))
        return (await ask(self._stub.DiscardRecord, request)).replay

    async def dead_letters(self, tenant: str, consumer: str = "-") -> AsyncIterator[DeadLetter]:
        """Yield the dead letters behind which nothing waits, in the order in which they were put aside."""
        parent = f"institutions/{tenant}/consumers/{consumer}"
        request = ListDeadLettersRequest(parent=parent, page_size=1000)
        while True:
            page = await ask(self._stub.ListDeadLetters, request)
            for letter in page.dead_letters:
                yield letter
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def dead_letter(self, name: str) -> DeadLetter:
        """Return a dead letter, whatever has become of it."""
        return (await ask(self._stub.GetDeadLetter, GetDeadLetterRequest(name=name))).dead_letter

    async def replay_dead_letter(self, name: str) -> Replay:
        """Ask for a dead letter whose bytes intake keeps to be taken in again."""
        request = ReplayDeadLetterRequest(name=name, operator=self._operator, request_id=str(uuid4()))
        return (await ask(self._stub.ReplayDeadLetter, request)).replay

    async def discard_dead_letter(self, name: str) -> DeadLetter:
        """Let a dead letter be listed no more, and return it."""
        request = DiscardDeadLetterRequest(name=name, operator=self._operator)
        return (await ask(self._stub.DiscardDeadLetter, request)).dead_letter

    async def outbox(self) -> Outbox:
        """Return how much the service has yet to publish."""
        return (await ask(self._stub.GetOutbox, GetOutboxRequest())).outbox

    async def scans(self, tenant: str) -> Sequence[Scan]:
        """Return the scans that are not finished."""
        return (await ask(self._stub.ListScans, ListScansRequest(parent=f"institutions/{tenant}"))).scans

    async def pause_scan(self, name: str) -> bool:
        """Pause a scan; tell whether it was going on."""
        return (await ask(self._stub.PauseScan, PauseScanRequest(name=name, operator=self._operator))).paused

    async def resume_scan(self, name: str) -> bool:
        """Let a paused scan go on; tell whether it was paused."""
        request = ResumeScanRequest(name=name, operator=self._operator)
        return (await ask(self._stub.ResumeScan, request)).resumed

    async def door_counts(self, tenant: str, since: date) -> Sequence[DoorCount]:
        """Return how what came through the service's HTTP door ended, from a day on."""
        request = ListDoorCountsRequest(parent=f"institutions/{tenant}", since=to_date(since))
        return (await ask(self._stub.ListDoorCounts, request)).counts

    async def actions(self, tenant: str) -> AsyncIterator[OperatorAction]:
        """Yield what operators did, the latest first."""
        request = ListOperatorActionsRequest(parent=f"institutions/{tenant}", page_size=1000)
        while True:
            page = await ask(self._stub.ListOperatorActions, request)
            for action in page.actions:
                yield action
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def find_replay(self, name: str) -> Replay:
        """Return a replay or a discard as it stands."""
        return (await ask(self._stub.GetReplay, GetReplayRequest(name=name))).replay

    async def carried_out(self, replay: Replay, seconds: float = 30.0) -> Replay:
        """Return the replay once it is done, or as it stands after so many seconds."""
        deadline = time.monotonic() + seconds
        while not replay.done and time.monotonic() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)
            replay = await self.find_replay(replay.name)
        return replay


@asynccontextmanager
async def open_operations(
    address: str, operator: str = "", *, tls: Tls | None = None
) -> AsyncIterator[OperationsClient]:
    """Open a channel of its own for a client; without an ``operator`` it can only ask."""
    async with open_channel(address, tls) as channel:
        yield OperationsClient(channel, operator)
