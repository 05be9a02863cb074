# SPDX-License-Identifier: Apache-2.0
"""That whom the last publication of a policy or a rule has not reached is named."""

import asyncpg
import pytest

from tests.prove.reevaluations import missed
from tests.prove.replay import make_empty

_ATTAINMENTS = """
insert into assessment.policy (tenant, policy, version, competency, hash, document, epoch)
values ('t', 'p', 1, 'c', 'h', '{}', 1), ('t', 'p', 2, 'c', 'h', '{}', 3), ('t', 'q', 1, 'd', 'h', '{}', 4);
insert into assessment.attainment
    (tenant, learner, competency, status, policy, policy_version, policy_hash, revision, event_id, epoch)
select 't', learner, 'c', 'demonstrated', 'p', 2, 'h', 1, gen_random_uuid(), epoch
from (values ('reached', 3), ('later', 4), ('missed', 2)) as each (learner, epoch)
"""
_AWARDS = """
insert into recognition.rule_version (tenant, rule, version, credential, hash, document, epoch)
values ('t', 'r', 1, 'c', 'h', '{}', 1), ('t', 'r', 2, 'c', 'h', '{}', 3), ('t', 's', 1, 'd', 'h', '{}', 4);
insert into recognition.award (
    tenant, learner, credential, state, answer, revision, decision_id, rule, rule_version, rule_hash, epoch,
    holding, effective_on
)
select 't', learner, 'c', 'conferred', 'met', 1, gen_random_uuid(), 'r', 2, 'h', epoch, '{}', '2026-01-01'
from (values ('reached', 3), ('later', 4), ('missed', 2)) as each (learner, epoch)
"""


@pytest.mark.parametrize(("service", "fill"), [("assessment", _ATTAINMENTS), ("recognition", _AWARDS)])
async def test_who_was_missed_is_named(postgres: str, service: str, fill: str) -> None:
    dsn, _ = await make_empty(postgres, service)
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(fill)
    finally:
        await connection.close()
    assert await missed(service, dsn) == ["c of missed stands at epoch 2, published was 3"]
