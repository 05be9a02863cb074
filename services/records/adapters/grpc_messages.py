# SPDX-License-Identifier: Apache-2.0
"""From the record's values to the messages of ``cairn.records.v1``, and from requests to values."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import BytesValue
from google.type.date_pb2 import Date

from cairn.events.decision import Credit
from cairn.events.explanation import Allotment, Finding, RuleReference
from cairn.ids import LearnerId, TenantId
from cairn.records.v1 import entry_pb2, finding_pb2, learner_record_pb2, record_service_pb2
from chassis.rpc.refusal import Refusal, Violation, invalid
from services.records.adapters.masks import keep
from services.records.app.current_record import CurrentRecord
from services.records.app.names import learner_name
from services.records.app.reading import TimedRecord, Told
from services.records.app.watching import Chunk
from services.records.domain.chain import BEGINNING
from services.records.domain.entry import Statement
from services.records.domain.mask import EVERYTHING, Mask
from services.records.domain.record import Award, CreditTotal, LearnerRecord, Recorded

BY_NAME: Mask = frozenset({("name",)})
"""What is told of what was asked by its name, whatever the mask has."""


def learner_record_message(timed: TimedRecord, mask: Mask) -> learner_record_pb2.LearnerRecord:
    """Write what a mask has of a learner's record, and the times that it is as of."""
    message = _learner_record(timed.tenant, timed.learner, timed.record)
    keep(message, mask | BY_NAME)
    message.MergeFrom(_times(timed.effective_as_of, timed.recorded_as_of))
    return message


def written_record(tenant: TenantId, learner: LearnerId, record: LearnerRecord, mask: Mask) -> bytes:
    """Write what a mask has of a learner's record as bytes, all but the times that it is as of."""
    message = _learner_record(tenant, learner, record)
    keep(message, mask | BY_NAME)
    return message.SerializeToString()


def current_answer(told: Told[CurrentRecord], notice: str) -> bytes:
    """Write the answer to ``GetLearnerRecord`` around a record that is written already.

    Fields of a message may come in any order, and one that holds a message is written like one that
    holds bytes. That a reader merges two halves of one field is not relied upon: some do not.
    """
    current = told.answer
    times = _times(None, current.recorded_as_of).SerializeToString()
    record = BytesValue(value=current.written + times)
    rest = record_service_pb2.GetLearnerRecordResponse(disclosure_id=str(told.disclosure_id), notice=notice)
    return record.SerializeToString() + rest.SerializeToString()


def watch_answer(chunk: Chunk) -> record_service_pb2.WatchEntriesResponse:
    """Write the next answer of a watch."""
    fields = chunk.permission.fields
    return record_service_pb2.WatchEntriesResponse(
        entries=[entry_message(entry, fields) for entry in chunk.entries],
        position=chunk.position or None,
        disclosure_id=str(chunk.disclosure_id),
        notice=chunk.permission.notice,
    )


def _times(effective: date | None, recorded: datetime) -> learner_record_pb2.LearnerRecord:
    return learner_record_pb2.LearnerRecord(
        effective_as_of=_date(effective), recorded_as_of=timestamp(recorded)
    )


def _learner_record(
    tenant: TenantId, learner_id: LearnerId, record: LearnerRecord
) -> learner_record_pb2.LearnerRecord:
    head = record.head
    learner = learner_name(tenant, learner_id)
    return learner_record_pb2.LearnerRecord(
        name=learner,
        awards=[_award(learner, award) for award in record.awards],
        entries=[entry_message(entry) for entry in record.entries],
        chain_head=learner_record_pb2.ChainHead(
            sequence=head.statement.sequence if head else 0, hash=(head.hash if head else BEGINNING).hex()
        ),
        credits=[_total(total) for total in record.credits],
    )


def entry_message(entry: Recorded, mask: Mask = EVERYTHING, *, explained: bool = False) -> entry_pb2.Entry:
    """Write what a mask has of an entry; its explanation only where that is asked for."""
    statement = entry.statement
    message = entry_pb2.Entry(
        name=_entry_name(statement),
        sequence=statement.sequence,
        position=entry.position,
        kind=entry_pb2.EntryKind.Value(f"ENTRY_KIND_{statement.kind.name}"),
        credential=statement.credential,
        title=statement.title,
        decision_id=statement.decision_id,
        rule=_rule(statement.rule),
        credits=[_credit(credit) for credit in statement.credits],
        allotments=[_allotment(allotment) for allotment in statement.allotments],
        grounds=statement.grounds,
        effective_on=_date(statement.effective_on),
        record_time=timestamp(entry.recorded_at),
        as_of_time=timestamp(statement.as_of),
        reason=statement.reason,
        due_on=_date(statement.due_on),
        addressee=statement.addressee,
        previous_hash=entry.previous_hash.hex(),
        hash=entry.hash.hex(),
        explanation=_finding(statement.explanation) if explained else None,
    )
    keep(message, mask)
    return message


def read_date(field: str, message: Date) -> date:
    """Read a full day; one without its year, month or day is none."""
    try:
        return date(message.year, message.month, message.day)
    except ValueError:
        raise _not(field, "a day of the calendar with year, month and day") from None


def read_instant(field: str, message: Timestamp) -> datetime:
    """Read an instant."""
    try:
        return message.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise _not(field, "an instant from the years 1 to 9999") from None


def _not(field: str, wanted: str) -> Refusal:
    return invalid(Violation(field, f"must be {wanted}"))


def _award(learner: str, award: Award) -> learner_record_pb2.Award:
    return learner_record_pb2.Award(
        credential=award.credential,
        title=award.title,
        state=learner_record_pb2.AwardState.Value(f"AWARD_STATE_{award.state.name}"),
        credits=[_credit(credit) for credit in award.credits],
        allotments=[_allotment(allotment) for allotment in award.allotments],
        conferred_on=_date(award.conferred_on),
        rule=_rule(award.rule),
        entry=f"{learner}/entries/{award.entry_id}",
        reason=award.reason,
        due_on=_date(award.due_on),
        addressee=award.addressee,
    )


def _entry_name(statement: Statement) -> str:
    return f"{learner_name(statement.tenant, statement.learner)}/entries/{statement.entry_id}"


def _rule(rule: RuleReference) -> finding_pb2.RuleReference:
    return finding_pb2.RuleReference(rule=rule.rule, version=rule.version, hash=rule.hash)


def _credit(credit: Credit) -> entry_pb2.Credit:
    return entry_pb2.Credit(amount=str(credit.amount), system=credit.system, level=credit.level)


def _total(total: CreditTotal) -> entry_pb2.Credit:
    return entry_pb2.Credit(amount=str(total.amount), system=total.system)


def _allotment(used: Allotment) -> entry_pb2.Allotment:
    credit = entry_pb2.Credit(amount=str(used.amount), system=used.system, level=used.level)
    return entry_pb2.Allotment(requirement=used.requirement, credential=used.credential, credit=credit)


def _finding(finding: Finding) -> finding_pb2.Finding:
    return finding_pb2.Finding(
        requirement=finding.requirement,
        kind=finding_pb2.RequirementKind.Value(f"REQUIREMENT_KIND_{finding.kind.upper()}"),
        title=finding.title,
        answer=finding_pb2.Answer.Value(f"ANSWER_{finding.answer.name}"),
        subject=finding.subject,
        have=None if finding.have is None else str(finding.have),
        need=None if finding.need is None else str(finding.need),
        grounds=finding.grounds,
        note=finding.note,
        children=_findings(finding.children),
    )


def _findings(findings: Iterable[Finding]) -> list[finding_pb2.Finding]:
    return [_finding(finding) for finding in findings]


def _date(day: date | None) -> Date | None:
    return None if day is None else Date(year=day.year, month=day.month, day=day.day)


def timestamp(at: datetime | None) -> Timestamp | None:
    """Write an instant, where there is one."""
    if at is None:
        return None
    message = Timestamp()
    message.FromDatetime(at)
    return message
