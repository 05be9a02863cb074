# SPDX-License-Identifier: Apache-2.0
"""Records that this version cannot read, made of those that it can, and what an operator does about them."""

from uuid import uuid4

from chassis.database import Connection
from chassis.streams.message import Record
from chassis.unit.learners import LearnerKey
from chassis.unit.parking import Asked, ask, heads


def changed(record: Record, was: bytes, now: bytes) -> Record:
    """Return the record with some bytes of its data and its headers exchanged."""
    headers = tuple((name, text.replace(was, now)) for name, text in record.headers)
    found = record._replace(headers=headers, value=(record.value or b"").replace(was, now))
    assert found != record
    return found


async def discard_first(connection: Connection, consumer: str, learner: LearnerKey) -> None:
    """Ask for the discard of a learner's first waiting record."""
    place = (await heads(connection, consumer, [learner]))[learner].place
    await ask(connection, Asked(uuid4(), learner, consumer, place, "op", discard=True))
