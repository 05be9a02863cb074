# SPDX-License-Identifier: Apache-2.0
"""What a service tells an operator who looks: of what it needs, and of what waits for somebody."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cairn.cli.services import short_name
from cairn.client.operations import OperationsClient
from cairn.operations.v1.consumer_pb2 import Consumer
from cairn.operations.v1.finding_pb2 import FindingSeverity
from cairn.operations.v1.operations_service_pb2 import ExamineServiceResponse, Outbox

_MOST_SECONDS_APART = 2.0
_OUTBOX_SECONDS = 60.0


class Level(StrEnum):
    """How bad it is."""

    FINE = "fine"
    WARNING = "warning"
    ERROR = "error"


_LEVELS = {
    FindingSeverity.FINDING_SEVERITY_FINE: Level.FINE,
    FindingSeverity.FINDING_SEVERITY_WARNING: Level.WARNING,
    FindingSeverity.FINDING_SEVERITY_ERROR: Level.ERROR,
}


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at and where, what was found, and what to do about it."""

    where: str
    subject: str
    level: Level
    found: str
    advice: str = ""

    @property
    def document(self) -> dict[str, str]:
        """Its JSON form."""
        return {
            "where": self.where,
            "subject": self.subject,
            "severity": self.level.value,
            "found": self.found,
            "advice": self.advice,
        }


@dataclass(frozen=True, slots=True)
class Seen:
    """What one service told, and how many seconds its clock is ahead of the one here."""

    examined: ExamineServiceResponse
    ahead: float
    consumers: Sequence[Consumer]
    outbox: Outbox


async def look(client: OperationsClient) -> Seen:
    """Ask one service for all of it."""
    before = time.time()
    examined = await client.examine()
    ahead = examined.examine_time.ToNanoseconds() / 1e9 - (before + time.time()) / 2
    return Seen(examined, ahead, await client.consumers(), await client.outbox())


def service_findings(service: str, seen: Seen) -> Iterator[Checked]:
    """Yield what a service finds of what it needs, and what waits for an operator there."""
    for each in seen.examined.findings:
        yield Checked(service, each.subject, _LEVELS[each.severity], each.found, each.advice)
    yield _clock(service, seen.ahead)
    yield _outbox(service, seen.outbox)
    for consumer in seen.consumers:
        yield from _consumer(service, consumer)


def _clock(service: str, ahead: float) -> Checked:
    told = f"its clock is {abs(ahead):.1f} s {'behind' if ahead < 0 else 'ahead of'} the one here"
    apart = abs(ahead) > _MOST_SECONDS_APART
    level, advice = (Level.WARNING, "set both by NTP") if apart else (Level.FINE, "")
    return Checked(service, "clocks", level, told, advice)


def _outbox(service: str, outbox: Outbox) -> Checked:
    told = f"{outbox.waiting:,} events wait to be published"
    if outbox.waiting and time.time() - outbox.oldest_time.ToNanoseconds() / 1e9 > _OUTBOX_SECONDS:
        told += f", the oldest since {outbox.oldest_time.ToJsonString()}"
        return Checked(
            service, "relay", Level.ERROR, told, "is the relay up? Its /readyz says what is refused"
        )
    return Checked(service, "relay", Level.FINE, told)


def _consumer(service: str, consumer: Consumer) -> Iterator[Checked]:
    name = short_name(consumer)
    for loss in consumer.losses:
        told = f"{name} misses records of {loss.topic}, and takes none of it"
        advice = f"bring them back, or `cairn consumers accept {loss.name}`"
        yield Checked(service, "consumer", Level.ERROR, told, advice)
    if consumer.HasField("halt_time"):
        since = consumer.halt_time.ToJsonString()
        if consumer.pausing_operator:
            told = f"{name} was paused by {consumer.pausing_operator}, {since}"
            yield Checked(service, "consumer", Level.WARNING, told, f"`cairn resume {name}`")
        else:
            told = f"{name} has halted after too many bugs, {since}"
            yield Checked(
                service, "consumer", Level.ERROR, told, f"mend the cause, then `cairn resume {name}`"
            )
