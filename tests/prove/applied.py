# SPDX-License-Identifier: Apache-2.0
"""A log of the order in which the records of every learner were applied, written with the effects.

The row is inserted in the very transaction in which the record takes effect, under its learner's lock,
so the log holds what was committed and nothing else, and per learner its ids are the order.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from unittest.mock import patch

import asyncpg

from chassis.streams.message import Message, Partition
from chassis.unit.fence import Outcome
from chassis.unit.items import Item, Place, messages_of, place_of
from chassis.unit.opening import Opened
from chassis.unit.unit import Unit
from chassis.unit.work import UnitOfWork

_MAKE = """
create schema prove;
create table prove.applied (
    id bigint generated always as identity primary key,
    consumer text not null, topic text not null, partition int not null, "offset" bigint not null,
    epoch bigint not null, outcome text not null
);
grant usage on schema prove to public;
grant insert on prove.applied to public;
"""
_NOTE = """
insert into prove.applied (consumer, topic, partition, "offset", epoch, outcome)
select $1, each.topic, each.partition, each.place, each.epoch, each.outcome
from unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::text[])
    with ordinality as each (topic, partition, place, epoch, outcome, position)
order by position
"""
_READ = 'select consumer, topic, partition, "offset", epoch, outcome from prove.applied order by id'


NO_EPOCH = 0
"""The epoch of what reads no rules, as intake."""


class Applied(NamedTuple):
    """One record that took effect: by which consumer, under which epoch of the rules, and how it ended."""

    consumer: str
    at: Partition
    offset: int
    epoch: int
    outcome: str


async def make_log(dsn: str) -> None:
    """Make the table of the log in a service's database, as its administrator."""
    connection = await asyncpg.connect(dsn)
    with suppress(asyncpg.DuplicateSchemaError):
        await connection.execute(_MAKE)
    await connection.close()


async def read_log(dsn: str) -> list[Applied]:
    """Return the log in its order."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(_READ)
    finally:
        await connection.close()
    return [Applied(row[0], Partition(row[1], row[2]), row[3], row[4], row[5]) for row in rows]


def keep_log() -> None:
    """Have every unit of work of this process write the log."""
    fold = UnitOfWork.fold

    async def folded(self: UnitOfWork, unit: Unit, messages: Sequence[Message[Any]], opened: Opened) -> None:
        await fold(self, unit, messages, opened)
        aside = {place_of(each.record) for each in unit.asides}
        taken = [each for each in messages if place_of(each.record) not in aside]
        _note(unit, self.consumer, taken, [unit.epoch(each.tenant) for each in taken])

    patch.object(UnitOfWork, "fold", folded).start()


def keep_log_of_intake() -> None:
    """Have intake write the log: all that it judged but repeats, since of the rest it keeps the payload."""
    from services.assessment.adapters.intake_work import IntakeWork  # noqa: PLC0415 - only assessment has it

    original = IntakeWork._unit

    async def judged(
        self: IntakeWork,
        connection: Any,
        items: Sequence[Item],
        opened: Opened,
        raised: Mapping[Place, Any],
    ) -> Unit:
        unit = await original(self, connection, items, opened, raised)
        new = [each for each in messages_of(items) if unit.outcome_of(each.record) is not Outcome.DUPLICATE]
        _note(unit, self.consumer, new, [NO_EPOCH] * len(new))
        return unit

    patch.object(IntakeWork, "_unit", judged).start()


def _note(unit: Unit, consumer: str, messages: Sequence[Message[Any]], epochs: Sequence[int]) -> None:
    if messages:
        records = [message.record for message in messages]
        unit.writes.add(
            _NOTE,
            consumer,
            [record.at.topic for record in records],
            [record.at.number for record in records],
            [record.offset for record in records],
            epochs,
            [str(unit.outcome_of(record)) for record in records],
        )
