# SPDX-License-Identifier: Apache-2.0
"""Facts and last emissions in PostgreSQL: loaded by exact keys, written in bulk."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from cairn.events.attainment import AttainmentStatus, PolicyReference
from cairn.events.result import Finality, Integrity, Outcome
from cairn.ids import LearnerId, TenantId
from chassis.database import Connection
from chassis.unit.writes import Writes
from services.assessment.app.facts import Facts, LearnerKey
from services.assessment.domain.attainment import Attainment
from services.assessment.domain.change import Emitted, Subject
from services.assessment.domain.results import Result, Retraction

_ACTIVITIES = """
select wanted.tenant, wanted.learner, wanted.result_id, stored.activity
from unnest($1::text[], $2::text[], $3::text[]) as wanted (tenant, learner, result_id)
cross join lateral (
    select activity from assessment.result
    where result.tenant = wanted.tenant and result.learner = wanted.learner
        and result.result_id = wanted.result_id::uuid
    offset 0
) as stored
"""
# Most of what a unit reads is here. Whose a result is goes by its place among the wanted, and a score as
# one text: reading three columns less, and no numeric, saves a third of the time.
_RESULTS = """
select wanted.place, stored.result_id::text, stored.activity, stored.attempt,
    concat_ws(' ', stored.score_raw, stored.score_min, stored.score_max), stored.outcome, stored.finality,
    stored.integrity, stored.carried_over, stored.occurred_at, stored.version, stored.modified_at
from unnest($1::text[], $2::text[], $3::text[]) with ordinality as wanted (tenant, learner, competency, place)
cross join lateral (
    select activities from assessment.competency
    where competency.tenant = wanted.tenant and competency.competency = wanted.competency
    offset 0
) as listed
cross join lateral (
    select * from assessment.result
    where result.tenant = wanted.tenant and result.learner = wanted.learner
        and result.activity = any (listed.activities)
    offset 0
) as stored
"""
# A retraction may be there before what it retracts, and a first attainment is not there at all.
_EMITTED = """
select wanted.tenant, wanted.learner, wanted.competency, stored.status, stored.score, stored.band,
    stored.scheme, stored.achieved_on, stored.valid_until, stored.policy, stored.policy_version,
    stored.policy_hash, stored.revision, stored.event_id::text, stored.epoch, taken_back.retracts,
    taken_back.result_ids
from unnest($1::text[], $2::text[], $3::text[]) as wanted (tenant, learner, competency)
cross join lateral (
    select array_agg(retracts::text) as retracts, array_agg(result_id::text) as result_ids
    from assessment.retraction
    where retraction.tenant = wanted.tenant and retraction.learner = wanted.learner
) as taken_back
left join lateral (
    select * from assessment.attainment
    where attainment.tenant = wanted.tenant and attainment.learner = wanted.learner
        and attainment.competency = wanted.competency
    offset 0
) as stored on true
"""
_ADD_RETRACTIONS = """
insert into assessment.retraction (tenant, learner, retracts, result_id)
select tenant, learner, retracts::uuid, result_id::uuid
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as added (tenant, learner, retracts, result_id)
on conflict do nothing
"""
_ADD_RESULTS = """
insert into assessment.result (
    tenant, learner, activity, result_id, attempt, score_raw, score_min, score_max,
    outcome, finality, integrity, carried_over, occurred_at, version, modified_at
)
select tenant, learner, activity, result_id::uuid, attempt, score_raw, score_min, score_max,
    outcome, finality, integrity, carried_over, occurred_at, version, modified_at
from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::int[],
    $6::numeric[], $7::numeric[], $8::numeric[], $9::text[], $10::text[], $11::text[],
    $12::boolean[], $13::timestamptz[], $14::bigint[], $15::timestamptz[]
) as added (
    tenant, learner, activity, result_id, attempt, score_raw, score_min, score_max,
    outcome, finality, integrity, carried_over, occurred_at, version, modified_at
)
on conflict do nothing
"""
_STORE_ATTAINMENTS = """
insert into assessment.attainment as stored (
    tenant, learner, competency, status, score, band, scheme, achieved_on, valid_until,
    policy, policy_version, policy_hash, revision, event_id, epoch
)
select tenant, learner, competency, status, score, band, scheme, achieved_on, valid_until,
    policy, policy_version, policy_hash, revision, event_id::uuid, epoch
from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::numeric[], $6::text[], $7::text[], $8::date[],
    $9::date[], $10::text[], $11::int[], $12::text[], $13::int[], $14::text[], $15::bigint[]
) as changed (
    tenant, learner, competency, status, score, band, scheme, achieved_on, valid_until,
    policy, policy_version, policy_hash, revision, event_id, epoch
)
on conflict (tenant, learner, competency) do update set
    status = excluded.status, score = excluded.score, band = excluded.band, scheme = excluded.scheme,
    achieved_on = excluded.achieved_on, valid_until = excluded.valid_until, policy = excluded.policy,
    policy_version = excluded.policy_version, policy_hash = excluded.policy_hash,
    revision = excluded.revision, event_id = excluded.event_id, epoch = excluded.epoch
"""

_outcomes = {each.value: each for each in Outcome}
_finalities = {each.value: each for each in Finality}
_integrities = {each.value: each for each in Integrity}


class PostgresFacts:
    """Keeps accepted results, retractions and published attainments."""

    async def activities_of(
        self, connection: Connection, wanted: Sequence[tuple[LearnerKey, str]]
    ) -> Mapping[tuple[LearnerKey, str], str]:
        """Return the activities of those learners' results that are stored, by result id."""
        columns = _transposed([(*key, result_id) for key, result_id in wanted])
        rows = await connection.fetch(_ACTIVITIES, *columns)
        return {((tenant, learner), result_id): activity for tenant, learner, result_id, activity in rows}

    async def load(self, connection: Connection, subjects: Sequence[Subject]) -> Facts:
        """Load the results, retractions and last emissions of exactly these subjects."""
        facts = Facts()
        if not subjects:
            return facts
        keys = _transposed([(each.tenant, each.learner, each.competency) for each in subjects])
        for row in await connection.fetch(_RESULTS, *keys):
            tenant, learner, _ = subjects[row[0] - 1]
            # One of an activity of two competencies comes twice, and is added once.
            facts.add_result((tenant, learner), _result(row))
        for row in await connection.fetch(_EMITTED, *keys):
            epoch, retracts, result_ids = row[14:]
            if row[3] is not None:
                subject = Subject(TenantId(row[0]), LearnerId(row[1]), row[2])
                facts.emitted[subject], facts.epochs[subject] = _emitted(row), epoch
            if retracts:
                facts.retractions[row[0], row[1]] = [
                    Retraction(result_id, retracted)
                    for result_id, retracted in zip(result_ids, retracts, strict=True)
                ]
        return facts

    def store(
        self,
        writes: Writes,
        results: Sequence[tuple[LearnerKey, Result]],
        changed: Mapping[Subject, tuple[Emitted, int]],
    ) -> None:
        """Store accepted results, and what was last published with the rule epoch of its conclusion."""
        if results:
            writes.add(_ADD_RESULTS, *_transposed([_row(*each) for each in results]))
        if changed:
            rows = [_emitted_row(subject, *changed[subject]) for subject in sorted(changed)]
            writes.add(_STORE_ATTAINMENTS, *_transposed(rows))

    def add_retractions(self, writes: Writes, retractions: Sequence[tuple[LearnerKey, Retraction]]) -> None:
        """Store accepted retractions."""
        if retractions:
            rows = [(*key, each.retracts, each.result_id) for key, each in retractions]
            writes.add(_ADD_RETRACTIONS, *_transposed(rows))


def _transposed(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _result(row: Any) -> Result:
    (
        _,
        result_id,
        activity,
        attempt,
        score,
        outcome,
        finality,
        integrity,
        carried_over,
        occurred_at,
        version,
        modified_at,
    ) = row
    return Result(
        result_id,
        activity,
        attempt,
        _score(score),
        _outcomes[outcome],
        _finalities[finality],
        _integrities[integrity],
        carried_over,
        occurred_at,
        version,
        modified_at,
    )


# Most scores are one of a hundred on one of a few scales.
@lru_cache(maxsize=4096)
def _score(text: str) -> tuple[Decimal, Decimal, Decimal] | None:
    if not text:
        return None
    raw, low, high = text.split()
    return Decimal(raw), Decimal(low), Decimal(high)


def _row(key: LearnerKey, result: Result) -> tuple[Any, ...]:
    return (
        *key,
        result.activity,
        result.result_id,
        result.attempt,
        *(result.score or (None, None, None)),
        result.outcome,
        result.finality,
        result.integrity,
        result.carried_over,
        result.occurred_at,
        result.version,
        result.modified_at,
    )


@lru_cache(maxsize=4096)
def _reference(policy: str, version: int, hashed: str) -> PolicyReference:
    return PolicyReference(policy=policy, version=version, hash=hashed)


def _emitted(row: Any) -> Emitted:
    (
        _,
        _,
        _,
        status,
        score,
        band,
        scheme,
        achieved_on,
        valid_until,
        policy,
        version,
        hashed,
        revision,
        event_id,
        *_,
    ) = row
    attainment = Attainment(
        status=AttainmentStatus(status),
        score=score,
        band=band,
        scheme=scheme,
        achieved_on=achieved_on,
        valid_until=valid_until,
        policy=_reference(policy, version, hashed),
    )
    return Emitted(attainment, revision, event_id)


def _emitted_row(subject: Subject, last: Emitted, epoch: int) -> tuple[Any, ...]:
    now = last.attainment
    return (
        subject.tenant,
        subject.learner,
        subject.competency,
        now.status,
        now.score,
        now.band,
        now.scheme,
        now.achieved_on,
        now.valid_until,
        now.policy.policy,
        now.policy.version,
        now.policy.hash,
        last.revision,
        last.event_id,
        epoch,
    )
