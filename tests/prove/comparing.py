# SPDX-License-Identifier: Apache-2.0
"""Where the events of a run differ from those of its replay, or from themselves."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from cairn.topics.catalogue import DEFAULT_PARTITIONS
from chassis.streams.message import Partition, Record
from chassis.unit.outbox import partition_of
from tests.e2e.topics import Carried
from tests.prove.applied import Applied
from tests.prove.consumers import Consumer

Records: TypeAlias = Mapping[tuple[Partition, int], Record]


def flipped_back(consumer: Consumer, log: Sequence[Applied], records: Records) -> Iterator[str]:
    """Name what took effect under older rules than something of its learner before."""
    newest: dict[bytes | None, int] = {}
    for each in log:
        learner = records[each.at, each.offset].key
        if each.epoch < newest.setdefault(learner, each.epoch):
            yield f"{consumer.name}: {each.at}@{each.offset} took effect under an older epoch"
        newest[learner] = max(newest[learner], each.epoch)


def misplaced(topic: str, published: Records) -> Iterator[str]:
    """Name each event that does not stand in the partition to which its key belongs."""
    for (at, offset), record in published.items():
        if record.headers and record.key and partition_of(record.key, DEFAULT_PARTITIONS) != at.number:
            yield f"{topic}: [{at.number}]@{offset} is not where its key belongs"


def ambiguous(records: Iterable[Carried]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the identity of each repeat that says something else than the first."""
    first: dict[tuple[bytes, bytes], Carried] = {}
    for record in records:
        if first.setdefault(record.identity, record.canonical) != record.canonical:
            yield record.identity


def reordered(run: Iterable[Carried], again: Iterable[Carried]) -> Iterator[bytes | None]:
    """Yield the keys under which the same events come first in another order."""
    one, other = _order(run), _order(again)
    for key in one.keys() & other.keys():
        first, second = list(one[key]), list(other[key])
        if first != second and set(first) == set(second):
            yield key


def _order(records: Iterable[Carried]) -> dict[bytes | None, dict[tuple[bytes, bytes], None]]:
    found: dict[bytes | None, dict[tuple[bytes, bytes], None]] = {}
    for record in records:
        found.setdefault(record.key, {})[record.identity] = None
    return found


def by_identity(records: Iterable[Carried]) -> dict[tuple[bytes, bytes], Carried]:
    """Return what each event says, by its source and id."""
    return {record.identity: record.canonical for record in records}


def unlike(run: Carried, again: Carried) -> Iterator[str]:
    """Name each header and each field in which two events differ, with what either says."""
    one, other = _parts(run), _parts(again)
    for name in sorted(one.keys() | other.keys()):
        if one.get(name) != other.get(name):
            yield f"{name}: {one.get(name)!r} and not {other.get(name)!r}"


def _parts(event: Carried) -> dict[str, object]:
    fields: dict[str, object] = json.loads(event.value or b"{}")
    return {**dict(event.headers), **fields}
