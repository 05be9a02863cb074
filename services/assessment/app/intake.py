# SPDX-License-Identifier: Apache-2.0
"""Intake: one unit of work for both doors, and a verdict on every item (design section 5).

In the caller's transaction: statement identities, data keys, raw payloads, the canonical events in
the outbox. No learner is locked, because results are facts and need no order (I4). Rows that two
intakes may both insert are inserted in one order, statements before keys, so that neither waits for
the other in a circle.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol, TypeAlias

from cairn.events.catalogue import source_of, to_cloudevent
from cairn.events.native import LearnerIdentifier
from cairn.ids import LearnerId, TenantId
from chassis import tracing
from chassis.database import Connection
from chassis.errors import Reject
from chassis.unit.unit import Unit
from services.assessment.app.arrival import Arrival, Candidate, read
from services.assessment.app.payloads import Payload, Payloads, of_learner, of_source, refused_id
from services.assessment.app.sealing import derive
from services.assessment.app.sources import Source
from services.assessment.domain.identity import learner_id

RESULTS = "assessment.results.v1"

Clock: TypeAlias = Callable[[], datetime]
StatementKey: TypeAlias = tuple[TenantId, str]
Reading: TypeAlias = Candidate | Reject


class Verdict(StrEnum):
    """What became of an item."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    REFUSED = "refused"


class Answer(NamedTuple):
    """The verdict on one item; ``payload`` is the id under which its bytes are kept, if they are."""

    verdict: Verdict
    result_id: str | None = None
    payload: str | None = None
    field: str = ""
    reason: str = ""


class StatementStore(Protocol):
    """Where the identities of what sources have said are kept."""

    async def enter(
        self, connection: Connection, digests: Mapping[StatementKey, bytes], at: datetime
    ) -> Mapping[StatementKey, bytes]:
        """Enter statements in the order of their keys; return the stored digests of those known before."""
        ...


class Identifier:
    """Makes learner ids of identifiers, under each tenant's own key."""

    def __init__(self, secret: bytes) -> None:
        """Begin; ``secret`` is the one that the register derives its keys from as well."""
        self._secret = secret
        self._keys: dict[TenantId, bytes] = {}

    def __call__(self, tenant: TenantId, identifier: LearnerIdentifier) -> LearnerId:
        """Return the learner id of an identifier."""
        key = self._keys.get(tenant)
        if key is None:
            key = self._keys[tenant] = derive(self._secret, f"identity/{tenant}")
        return learner_id(key, identifier)


class Intake:
    """Takes in what arrives at a door."""

    def __init__(
        self, statements: StatementStore, payloads: Payloads, identify: Identifier, clock: Clock
    ) -> None:
        """Begin; ``clock`` stamps the instant that travels with every event from here on (I12)."""
        self._statements = statements
        self._payloads = payloads
        self._identify = identify
        self._clock = clock

    async def take(self, unit: Unit, arrivals: Sequence[Arrival]) -> list[Answer]:
        """Read, judge, keep and publish; return the answers in the order of the arrivals."""
        as_of = self.now()
        return await self.settle(
            unit, arrivals, [await self.read(unit, arrival, as_of) for arrival in arrivals], as_of
        )

    async def kept(self, connection: Connection, source: Source, payload: str) -> bytes:
        """Return what arrived from a source and was kept; raises Reject where it is gone."""
        return await self._payloads.open(connection, source, payload)

    def now(self) -> datetime:
        """Return the instant with which everything of one unit is stamped."""
        return self._clock()

    async def settle(
        self, unit: Unit, arrivals: Sequence[Arrival], readings: Sequence[Reading], as_of: datetime
    ) -> list[Answer]:
        """Judge, keep and publish what was read; return the answers in the order of the arrivals."""
        statements = await self._enter(unit.connection, readings, as_of)
        pairs = list(zip(arrivals, readings, strict=True))
        answers = [_answer(arrival, reading, statements) for arrival, reading in pairs]
        kept = [_payload(*pair, answer, as_of) for pair, answer in zip(pairs, answers, strict=True)]
        await self._payloads.keep(unit, [each for each in kept if each is not None], as_of)
        for reading, answer in zip(readings, answers, strict=True):
            if isinstance(reading, Candidate) and answer.verdict is Verdict.STORED:
                _publish(unit, reading)
                await unit.breathe()
        return answers

    async def read(self, unit: Unit, arrival: Arrival, as_of: datetime) -> Reading:
        """Make the canonical event of an arrival, or say why there is none."""
        await unit.breathe()
        try:
            return read(arrival, self._identify, as_of)
        except Reject as refusal:
            return refusal

    async def _enter(
        self, connection: Connection, readings: Sequence[Reading], at: datetime
    ) -> "_Statements":
        first: dict[StatementKey, bytes] = {}
        for reading in readings:
            if isinstance(reading, Candidate):
                first.setdefault(reading.key, reading.digest)
        known = await self._statements.enter(connection, first, at) if first else {}
        return _Statements({**first, **known}, set(first) - set(known))


class _Statements:
    """The accepted content of each statement, and which of them are new and not yet taken."""

    def __init__(self, accepted: Mapping[StatementKey, bytes], fresh: set[StatementKey]) -> None:
        self._accepted = accepted
        self._fresh = fresh

    def judge(self, candidate: Candidate) -> Verdict:
        """Judge one occurrence; the first of a new statement is the one that is stored."""
        if self._accepted[candidate.key] != candidate.digest:
            return Verdict.CONFLICT
        if candidate.key in self._fresh:
            self._fresh.remove(candidate.key)
            return Verdict.STORED
        return Verdict.DUPLICATE


def _answer(arrival: Arrival, reading: Reading, statements: _Statements) -> Answer:
    if isinstance(reading, Reject):
        return Answer(
            Verdict.REFUSED, payload=refused_id(arrival), field=reading.field, reason=reading.reason
        )
    match statements.judge(reading):
        case Verdict.STORED:
            return Answer(Verdict.STORED, reading.id, payload=reading.id)
        case Verdict.CONFLICT:
            reason = "was used before with other content"
            return Answer(Verdict.CONFLICT, reading.id, refused_id(arrival), "id", reason)
        case verdict:
            return Answer(verdict, reading.id)


def _payload(arrival: Arrival, reading: Reading, answer: Answer, at: datetime) -> Payload | None:
    if answer.payload is None:
        return None
    if isinstance(reading, Reject):
        return Payload(answer.payload, arrival, of_source(arrival, at))
    return Payload(answer.payload, arrival, of_learner(reading.event.tenant, reading.event.learner))


def _publish(unit: Unit, candidate: Candidate) -> None:
    event = candidate.event
    envelope = to_cloudevent(
        event,
        id=event.result_id,
        source=source_of("assessment", event.tenant),
        tenant=event.tenant,
        learner=event.learner,
        as_of=event.recorded_at,
        traceparent=candidate.traceparent or tracing.traceparent(),
    )
    unit.publish(RESULTS, event.tenant, event.learner, envelope)
