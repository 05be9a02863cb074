# SPDX-License-Identifier: Apache-2.0
"""What operators did before there was a table for it is not forgotten when the table is made."""

import shutil
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from chassis.migrate import CHASSIS, migrate
from deploy.local.provision import drop_database, provision
from tests.integration.chassis.conftest import FOLDER

BEFORE = """
insert into chassis.breaker (consumer, resumed_by, resumed_at) values
    ('tally', 'anna', '2026-01-01T00:00:00Z'), ('never', null, null);
insert into chassis.loss (consumer, topic, accepted_by, accepted_at) values
    ('tally', 'one', 'bert', '2026-01-02T00:00:00Z'), ('tally', 'two', null, null);
insert into chassis.replay (tenant, id, consumer, learner, place, action, asked_by, asked_at) values
    ('a', gen_random_uuid(), 'tally', 'l1', 7, 'discard', 'carl', '2026-01-03T00:00:00Z'),
    ('a', gen_random_uuid(), 'tally', 'l1', 8, 'replay', 'the consumer', '2026-01-04T00:00:00Z');
"""
RECORD = "institutions/a/consumers/tally/learners/l1/records/7"


async def test_what_was_done_before_is_kept(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = tmp_path / "chassis"
    earlier.mkdir()
    for file in sorted(CHASSIS.glob("*.sql"))[:7]:
        shutil.copy(file, earlier)
    made = await provision(postgres, "probe", prefix=f"t{uuid4().hex[:12]}_")
    monkeypatch.setattr("chassis.migrate.CHASSIS", earlier)
    assert await migrate(made.dsns["migrate"], "probe", FOLDER, lambda _file: None) > 7
    connection = await asyncpg.connect(urlunsplit(urlsplit(postgres)._replace(path=f"/{made.database}")))
    await connection.execute(BEFORE)
    monkeypatch.undo()
    await migrate(made.dsns["migrate"], "probe", FOLDER, lambda _file: None)
    rows = await connection.fetch(
        "select tenant, operator, action, subject from chassis.operator_action order by acted_at"
    )
    await connection.close()
    await drop_database(postgres, made.database)
    assert [tuple(row) for row in rows] == [
        (None, "anna", "resume_consumer", "consumers/tally"),
        (None, "bert", "accept_loss", "consumers/tally/losses/1"),
        ("a", "carl", "discard_record", RECORD),
    ]
