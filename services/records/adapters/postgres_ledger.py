# SPDX-License-Identifier: Apache-2.0
"""The ledger in PostgreSQL: read by exact keys, written in bulk, never changed."""

from collections.abc import Iterable

from cairn.ids import LearnerId, TenantId
from chassis.database import Connection
from services.records.app.ledger import AwardKey, LearnerKey, Ledger
from services.records.domain.entry import Entry
from services.records.domain.ledger import AwardHead, ChainHead, Standing

_CHAINS = """
select tenant, learner, sequence, hash from records.chain_head
join unnest($1::text[], $2::text[]) as wanted (tenant, learner) using (tenant, learner)
"""
_AWARDS = """
select tenant, learner, credential, revision, standing from records.award_head
join unnest($1::text[], $2::text[], $3::text[]) as wanted (tenant, learner, credential)
    using (tenant, learner, credential)
"""
_SAVE_CHAINS = """
insert into records.chain_head (tenant, learner, sequence, hash)
select * from unnest($1::text[], $2::text[], $3::int[], $4::bytea[])
on conflict (tenant, learner) do update set sequence = excluded.sequence, hash = excluded.hash
"""
_SAVE_AWARDS = """
insert into records.award_head (tenant, learner, credential, revision, standing)
select * from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[])
on conflict (tenant, learner, credential) do update
    set revision = excluded.revision, standing = excluded.standing
"""
_WRITE = """
insert into records.entry
    (tenant, learner, sequence, entry_id, previous_hash, hash, canonical, traceparent)
select * from unnest(
    $1::text[], $2::text[], $3::int[], $4::uuid[], $5::bytea[], $6::bytea[], $7::text[], $8::text[]
)
"""
# The identity is drawn row by row in this order, so that a learner's entries follow each other.
_AWAIT_POSITION = """
insert into records.unsequenced (tenant, learner, sequence)
select tenant, learner, sequence
from unnest($1::text[], $2::text[], $3::int[]) with ordinality as written (tenant, learner, sequence, place)
order by place
"""


class PostgresLedger:
    """Keeps the ledger in the transaction of the unit that moves it."""

    async def load(self, connection: Connection, awards: Iterable[AwardKey]) -> Ledger:
        """Return the heads; the learners are locked already, so nobody else moves them."""
        wanted = sorted(awards)
        learners = sorted({(tenant, learner) for tenant, learner, _ in wanted})
        chains = await connection.fetch(_CHAINS, *_columns(learners, 2))
        heads = await connection.fetch(_AWARDS, *_columns(wanted, 3))
        return Ledger(
            {_learner(row[0], row[1]): ChainHead(row[2], row[3]) for row in chains},
            {(*_learner(row[0], row[1]), row[2]): AwardHead(row[3], Standing(row[4])) for row in heads},
        )

    async def save(self, connection: Connection, ledger: Ledger) -> None:
        """Store what the batch added, in five statements at most."""
        if ledger.written:
            await _write(connection, ledger.written)
            chains = [(*key, ledger.chains[key]) for key in sorted(ledger.moved_chains)]
            rows = [(tenant, learner, head.sequence, head.hash) for tenant, learner, head in chains]
            await connection.execute(_SAVE_CHAINS, *_columns(rows, 4))
        if ledger.moved_awards:
            awards = [(key, ledger.awards[key]) for key in sorted(ledger.moved_awards)]
            moved = [(*key, head.revision, head.standing.value) for key, head in awards]
            await connection.execute(_SAVE_AWARDS, *_columns(moved, 5))


async def _write(connection: Connection, written: Iterable[tuple[Entry, str]]) -> None:
    rows = [
        (
            entry.statement.tenant,
            entry.statement.learner,
            entry.statement.sequence,
            entry.statement.entry_id,
            entry.previous_hash,
            entry.hash,
            entry.canonical.decode(),
            traceparent,
        )
        for entry, traceparent in written
    ]
    columns = _columns(rows, 8)
    await connection.execute(_WRITE, *columns)
    await connection.execute(_AWAIT_POSITION, *columns[:3])


def _columns(rows: Iterable[tuple[object, ...]], width: int) -> list[list[object]]:
    """Turn rows into columns; no rows make empty columns."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def _learner(tenant: str, learner: str) -> LearnerKey:
    return TenantId(tenant), LearnerId(learner)
