# SPDX-License-Identifier: Apache-2.0
"""What operators did, in rows that nobody can change: written with the act, and read latest first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias

from cairn.ids import TenantId
from chassis.database import Connection

Kind: TypeAlias = Literal[
    "pause_consumer",
    "resume_consumer",
    "accept_loss",
    "replay_record",
    "discard_record",
    "replay_dead_letter",
    "discard_dead_letter",
    "pause_scan",
    "resume_scan",
    "publish_policy",
    "publish_rule",
    "publish_partner",
    "issue_credential",
    "revoke_credential",
    "grant_sharing_basis",
    "revoke_sharing_basis",
]

_NOTE = """
insert into chassis.operator_action (tenant, operator, action, subject) values ($1, $2, $3, $4)
"""
_LATEST = """
select id, operator, action, subject, acted_at from chassis.operator_action
where id < $1
order by id desc
limit $2
"""


class Action(NamedTuple):
    """Who did what to what, and when; ``number`` grows with time."""

    number: int
    operator: str
    kind: Kind
    subject: str
    acted_at: datetime


async def note(
    connection: Connection, operator: str, kind: Kind, subject: str, tenant: TenantId | None = None
) -> None:
    """Keep what an operator does, in the transaction that does it; ``tenant`` is whose data it is about."""
    await connection.execute(_NOTE, tenant, operator, kind, subject)


async def latest(connection: Connection, before: int, most: int) -> Sequence[Action]:
    """Return what was done before an action's number, the latest first, as far as the tenant may see it."""
    return [Action(*row) for row in await connection.fetch(_LATEST, before, most)]
