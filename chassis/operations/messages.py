# SPDX-License-Identifier: Apache-2.0
"""The messages of ``cairn.operations.v1``, made of what the store found."""

from collections.abc import Iterable, Sequence

from google.type import date_pb2

from cairn.ids import TenantId
from cairn.operations.v1 import (
    consumer_pb2,
    dead_letter_pb2,
    door_count_pb2,
    finding_pb2,
    operations_service_pb2,
    operator_action_pb2,
    scan_pb2,
    waiting_record_pb2,
)
from chassis.operations.actions import Action
from chassis.operations.doors import DoorCount
from chassis.operations.examining import Finding
from chassis.operations.letters import Letter
from chassis.operations.names import consumer_name, letter_name, loss_name, record_name, scan_name
from chassis.operations.scans import Scan
from chassis.operations.store import NoticedLoss, Progress, Replay, WaitingRecord


def finding_message(finding: Finding) -> finding_pb2.Finding:
    """Return what was found."""
    severity = finding_pb2.FindingSeverity.Value(f"FINDING_SEVERITY_{finding.severity.name}")
    return finding_pb2.Finding(
        subject=finding.subject, severity=severity, found=finding.found, advice=finding.advice
    )


def consumer_message(
    name: str, partitions: Sequence[Progress], losses: Iterable[NoticedLoss]
) -> consumer_pb2.Consumer:
    """Return a consumer with its progress, when it was halted, and which losses stand."""
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
    message.pausing_operator = partitions[0].paused_by
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


def waiting_message(tenant: TenantId, waiting: WaitingRecord) -> waiting_record_pb2.WaitingRecord:
    """Return a record that waits."""
    message = waiting_record_pb2.WaitingRecord(
        name=record_name(tenant, waiting.at),
        state=waiting_record_pb2.WaitingState.Value(f"WAITING_STATE_{waiting.outcome.upper()}"),
        reason=waiting.reason,
        field=waiting.field,
        topic=waiting.topic,
        partition=waiting.partition,
        offset=waiting.offset,
        event_type=waiting.about.type,
    )
    if waiting.about.change:
        message.subject, message.revision = waiting.about.change
    message.wait_time.FromDatetime(waiting.since)
    return message


def letter_message(tenant: TenantId, letter: Letter) -> dead_letter_pb2.DeadLetter:
    """Return a dead letter behind which nothing waits."""
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
    if letter.replayed_at:
        message.replay_time.FromDatetime(letter.replayed_at)
    return message


def scan_message(tenant: TenantId, scan: Scan) -> scan_pb2.Scan:
    """Return a scan and how far it has come."""
    message = scan_pb2.Scan(
        name=scan_name(tenant, scan.epoch),
        paused=scan.paused,
        looked_at=scan.looked_at,
        told=scan.told,
    )
    message.publish_time.FromDatetime(scan.as_of)
    message.advance_time.FromDatetime(scan.advanced_at)
    return message


def door_count_message(count: DoorCount) -> door_count_pb2.DoorCount:
    """Return what one source brought on one day."""
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


_UNKNOWN_KIND = "OPERATOR_ACTION_KIND_UNSPECIFIED"
# What a newer process has kept has a kind that this one may not know.
_KINDS = {
    name.removeprefix("OPERATOR_ACTION_KIND_").lower(): name
    for name in operator_action_pb2.OperatorActionKind.keys()  # noqa: SIM118 - no mapping
}


def action_message(action: Action) -> operator_action_pb2.OperatorAction:
    """Return what an operator did."""
    message = operator_action_pb2.OperatorAction(
        kind=operator_action_pb2.OperatorActionKind.Value(_KINDS.get(action.kind, _UNKNOWN_KIND)),
        operator=action.operator,
        subject=action.subject,
    )
    message.act_time.FromDatetime(action.acted_at)
    return message


def replay_message(name: str, replay: Replay) -> operations_service_pb2.Replay:
    """Return what became of a request."""
    message = operations_service_pb2.Replay(
        name=name, done=replay.done, outcome=replay.outcome, followed=replay.followed
    )
    if replay.skipped:
        message.skipped_subject, message.skipped_revision = replay.skipped
    return message
