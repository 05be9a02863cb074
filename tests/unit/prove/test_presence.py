# SPDX-License-Identifier: Apache-2.0
"""Whether all that must be there is there: each check shown to fail."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from cairn.cloudevents import to_kafka
from cairn.events.catalogue import to_cloudevent
from cairn.events.reevaluation import Reevaluation
from cairn.ids import LearnerId, TenantId
from chassis.errors import Reject
from chassis.schedule.reevaluations import due_reached, epoch_raised
from chassis.streams.message import Partition, Record
from chassis.unit.deadletter import dead_letter
from chassis.unit.due import Due
from chassis.unit.outbox import read_headers
from tests.e2e.topics import Carried
from tests.prove.applied import Applied
from tests.prove.consumers import DOWNSTREAM
from tests.prove.findings import Findings
from tests.prove.letters import Letter, check_letters
from tests.prove.presence import counted, counted_as_it_ended
from tests.prove.reevaluations import Reached, scanned, unpublished

RECOGNITION = DOWNSTREAM[1]
AT = Partition("competency.events.v1", 2)
EVENT, POISON = (Record(AT, 0, b"t/l", b"{}", (("ce_id", b"1"),), 0), Record(AT, 1, b"t/l", b"\x00", (), 0))
RECORDS = {(AT, record.offset): record for record in (EVENT, POISON)}
LOG = [Applied("recognition", AT, 0, 1, "applied")]
ENDINGS = {AT: Counter(applied=1, dead_lettered=1)}
TENANT, LEARNER, NOW = TenantId("t"), LearnerId("l"), datetime(2026, 1, 2, tzinfo=UTC)
DUE = Due(NOW, "lapse", "c", TENANT, LEARNER)


def letter(record: Record) -> Letter:
    """Return the dead letter of a record as the consumer writes it."""
    outgoing = dead_letter(RECOGNITION.name, TENANT, record, Reject("unreadable"))
    headers = tuple(read_headers(outgoing.headers))
    return Letter.of(Record(Partition(outgoing.topic, 2), 9, outgoing.key, outgoing.value, headers, 0))


def found_by_letters(*letters: Letter) -> tuple[int, int, int]:
    """Return how much is lost, doubled and different by these letters."""
    findings = Findings()
    check_letters(findings, RECOGNITION, letters, RECORDS, LOG)
    return len(findings.lost), len(findings.duplicated), len(findings.differing)


def published(event: Reevaluation) -> Carried:
    """Return a re-evaluation as it stands in its topic."""
    envelope = to_cloudevent(
        event,
        id=event.reevaluation_id,
        source="s",
        tenant=TENANT,
        learner=LEARNER,
        as_of=NOW,
    )
    headers, value = to_kafka(envelope)
    return Carried(b"t/l", tuple(headers), value)


def test_what_is_dead_lettered_has_its_letter_and_nothing_else_has_one() -> None:
    right = letter(POISON)
    assert found_by_letters(right, right) == (0, 0, 0)
    assert found_by_letters() == (1, 0, 0)
    assert found_by_letters(right, letter(EVENT)) == (0, 1, 0)
    assert found_by_letters(right, letter(POISON._replace(offset=7))) == (0, 0, 1)


def test_a_letter_says_what_its_record_said_and_once() -> None:
    other = letter(POISON._replace(value=b"other"))
    assert found_by_letters(other) == (0, 0, 1)
    assert found_by_letters(letter(POISON), other) == (0, 1, 1)


def test_each_partition_counts_what_took_effect_and_its_dead_letters() -> None:
    def found(endings: dict[Partition, Counter[str]]) -> tuple[int, int]:
        findings = Findings()
        counted(findings, RECOGNITION, endings, RECORDS)
        counted_as_it_ended(findings, RECOGNITION, endings, LOG, [letter(POISON)] * 2)
        return len(findings.lost), len(findings.duplicated)

    elsewhere = AT._replace(number=3)
    assert found(ENDINGS) == (0, 0)
    assert found({}) == (3, 0)
    assert found({AT: Counter(applied=1, duplicate=1)}) == (1, 0)
    assert found({AT: Counter(applied=2)}) == (1, 1)
    assert found({AT: Counter(applied=1, dead_lettered=1), elsewhere: Counter(applied=1)}) == (0, 2)
    assert found({AT: Counter(ignored=1, dead_lettered=1)}) == (1, 1)
    assert found({AT: Counter(applied=1, parked=1)}) == (1, 1)


def test_a_timer_that_is_due_is_told_and_stands_in_the_topic() -> None:
    event = published(due_reached(DUE, 4))
    assert list(unpublished([Reached(DUE, 4, told=True)], [event])) == []
    assert len(list(unpublished([Reached(DUE, 5, told=True)], [event]))) == 1
    assert len(list(unpublished([Reached(DUE, 4, told=False)], [event]))) == 1


def test_whom_a_scan_has_told_of_stands_in_the_topic_each_once() -> None:
    one, other = (published(epoch_raised(TENANT, LearnerId(name), 2, NOW)) for name in "ab")
    repeated = replace(one, headers=(*one.headers, ("traceparent", b"0")))
    timer = published(due_reached(DUE, 4))
    assert list(scanned({("t", 2): 2, ("t", 1): 0}, [one, other, repeated, timer])) == []
    assert [missing for _, missing in scanned({("t", 2): 2}, [one])] == [1]
    assert [missing for _, missing in scanned({("t", 2): 1}, [one, other])] == [-1]
