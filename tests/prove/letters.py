# SPDX-License-Identifier: Apache-2.0
"""The dead letters of a run, each of which stands for one record that took no effect."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from cairn.topics.catalogue import DEAD_LETTERS
from chassis.streams.message import Headers, Partition, Record
from chassis.unit.deadletter import PREFIX
from chassis.unit.items import Place
from tests.e2e.topics import Carried, placed
from tests.prove.applied import Applied
from tests.prove.comparing import Records
from tests.prove.consumers import UPSTREAM, Consumer
from tests.prove.findings import Findings

Letters: TypeAlias = Sequence["Letter"]
DEAD_LETTERED = "dead_lettered"


class Letter(NamedTuple):
    """One dead letter: at which consumer, and of the record of which place."""

    consumer: str
    place: Place
    carried: Carried

    @classmethod
    def of(cls, record: Record) -> "Letter":
        """Read what a dead letter says of itself."""
        said = {name.removeprefix(PREFIX): value.decode() for name, value in record.headers if _added(name)}
        at = Partition(said["original_topic"], int(said["original_partition"]))
        return cls(said["consumer"], (at, int(said["original_offset"])), Carried.of(record))


async def letters_of(bootstrap: str, consumer: Consumer) -> list[Letter]:
    """Return the dead letters of a consumer, repeats of the relay included."""
    found: list[Letter] = []
    for topic in consumer.reads:
        found += map(Letter.of, (await placed(bootstrap, topic + DEAD_LETTERS)).values())
    return [each for each in found if each.consumer == consumer.name]


def check_letters(
    findings: Findings, consumer: Consumer, letters: Letters, records: Records, log: Iterable[Applied]
) -> None:
    """Check that what was dead-lettered has its letter, which says one thing, and nothing else has one."""
    first: dict[Place, Carried] = {}
    for each in letters:
        if first.setdefault(each.place, each.carried.canonical) != each.carried.canonical:
            findings.duplicated.append(f"{_named(consumer, each.place)} says two things")
    ended = {(each.at, each.offset): each.outcome for each in log}
    taken = {place for place, outcome in ended.items() if outcome != DEAD_LETTERED}
    due = {place for place, outcome in ended.items() if outcome == DEAD_LETTERED} | _poison(records)
    findings.lost += (f"{_named(consumer, place)} is missing" for place in sorted(due - first.keys()))
    findings.duplicated += (
        f"{_named(consumer, place)} is of a record that took effect" for place in sorted(taken & first.keys())
    )
    findings.differing += _altered(consumer, letters, records)


def _altered(consumer: Consumer, letters: Letters, records: Records) -> Iterator[str]:
    """Name each letter that is not what its record was; intake's name a payload that is sealed elsewhere."""
    for each in letters:
        record = records.get(each.place)
        if record is None:
            yield f"{_named(consumer, each.place)} is of no record"
        elif consumer is not UPSTREAM and _original(each.carried) != _original(Carried.of(record)):
            yield f"{_named(consumer, each.place)} says something else than its record"


def _original(carried: Carried) -> tuple[bytes | None, Headers, bytes | None]:
    headers = tuple((name, value or b"") for name, value in carried.headers if not _added(name))
    return carried.key, headers, carried.value


def _poison(records: Records) -> set[Place]:
    """Return the places of what has no headers and so is no event."""
    return {place for place, record in records.items() if not record.headers}


def _added(header: str) -> bool:
    return header.startswith(PREFIX)


def _named(consumer: Consumer, place: Place) -> str:
    at, offset = place
    return f"{consumer.name}: the dead letter of {at.topic}[{at.number}]@{offset}"
