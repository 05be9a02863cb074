# SPDX-License-Identifier: Apache-2.0
"""The ledger in PostgreSQL: read by exact keys, written in bulk, never changed."""

from collections.abc import Iterable

from cairn.ids import LearnerId, TenantId
from chassis.database import Connection
from chassis.unit.writes import Writes
from services.records.app.ledger import AwardKey, Ledger
from services.records.domain.entry import Entry
from services.records.domain.ledger import AwardHead, ChainHead, Standing

_HEADS = """
select wanted.tenant, wanted.learner, wanted.credential,
    chain.sequence, chain.hash, award.revision, award.standing, award.decision_id::text
from unnest($1::text[], $2::text[], $3::text[]) as wanted (tenant, learner, credential)
left join lateral (
    select sequence, hash from records.chain_head
    where chain_head.tenant = wanted.tenant and chain_head.learner = wanted.learner
    offset 0
) as chain on true
left join lateral (
    select revision, standing, decision_id from records.award_head
    where award_head.tenant = wanted.tenant and award_head.learner = wanted.learner
        and award_head.credential = wanted.credential
    offset 0
) as award on true
"""
_WRITE = """
insert into records.entry (tenant, learner, sequence, entry_id, previous_hash, hash, canonical, traceparent)
select * from unnest(
    $1::text[], $2::text[], $3::int[], $4::uuid[], $5::bytea[], $6::bytea[], $7::text[], $8::text[]
)
"""
# The identity of what awaits a position is drawn row by row in the order given, so that a learner's
# entries follow each other.
_AWAIT_POSITIONS = """
insert into records.unsequenced (tenant, learner, sequence)
select tenant, learner, sequence
from unnest($1::text[], $2::text[], $3::int[]) with ordinality as written (tenant, learner, sequence, place)
order by place
"""
_MOVE_CHAINS = """
insert into records.chain_head (tenant, learner, sequence, hash)
select * from unnest($1::text[], $2::text[], $3::int[], $4::bytea[])
on conflict (tenant, learner) do update set sequence = excluded.sequence, hash = excluded.hash
"""
_MOVE_AWARDS = """
insert into records.award_head (tenant, learner, credential, revision, standing, decision_id)
select * from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[], $6::uuid[])
on conflict (tenant, learner, credential) do update
    set revision = excluded.revision, standing = excluded.standing, decision_id = excluded.decision_id
"""


class PostgresLedger:
    """Keeps the ledger in the transaction of the unit that moves it."""

    async def load(self, connection: Connection, awards: Iterable[AwardKey]) -> Ledger:
        """Return the heads; the learners are locked already, so nobody else moves them."""
        ledger = Ledger({}, {})
        rows = await connection.fetch(_HEADS, *_columns(sorted(awards), 3))
        for tenant, learner, credential, sequence, hashed, revision, standing, decision in rows:
            key = TenantId(tenant), LearnerId(learner)
            if sequence is not None:
                ledger.chains[key] = ChainHead(sequence, hashed)
            if revision is not None:
                ledger.awards[*key, credential] = AwardHead(revision, Standing(standing), decision)
        return ledger

    def save(self, writes: Writes, ledger: Ledger) -> None:
        """Store what the batch added."""
        written = [_written(entry, traceparent) for entry, traceparent in ledger.written]
        chains = [(*key, *_chain(ledger.chains[key])) for key in sorted(ledger.moved_chains)]
        awards = [(*key, *_award(ledger.awards[key])) for key in sorted(ledger.moved_awards)]
        if written:
            columns = _columns(written, 8)
            writes.add(_WRITE, *columns)
            writes.add(_AWAIT_POSITIONS, *columns[:3])
            writes.add(_MOVE_CHAINS, *_columns(chains, 4))
        if awards:
            writes.add(_MOVE_AWARDS, *_columns(awards, 6))


def _written(entry: Entry, traceparent: str) -> tuple[object, ...]:
    statement = entry.statement
    return (
        statement.tenant,
        statement.learner,
        statement.sequence,
        statement.entry_id,
        entry.previous_hash,
        entry.hash,
        entry.canonical.decode(),
        traceparent,
    )


def _chain(head: ChainHead) -> tuple[object, ...]:
    return head.sequence, head.hash


def _award(head: AwardHead) -> tuple[object, ...]:
    return head.revision, head.standing.value, head.decision_id


def _columns(rows: Iterable[tuple[object, ...]], width: int) -> list[list[object]]:
    """Turn rows into columns; no rows make empty columns."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
