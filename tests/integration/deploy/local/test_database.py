# SPDX-License-Identifier: Apache-2.0
"""The local database: started once, used again, recovered after a hard kill, in any folder."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from deploy.local.database import Database


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(tmp_path_factory.mktemp("a folder with spaces") / "postgres")
    yield database
    database.stop()


def pid_of(database: Database) -> int:
    running = database.running()
    assert running is not None
    return running.pid


async def value(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def test_two_starters_at_once_get_the_same_server(database: Database) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: database.start(), range(2))
    before = pid_of(database)
    assert first == second == database.start()
    assert pid_of(database) == before


async def test_it_is_postgres_18_and_keeps_what_it_confirms(database: Database) -> None:
    dsn = database.start()
    assert str(await value(dsn, "show server_version")).startswith("18.")
    assert await value(dsn, "show fsync") == "on"
    assert await value(dsn, "show synchronous_commit") == "on"
    assert await value(dsn, "show listen_addresses") == ""


async def test_committed_rows_outlive_a_hard_kill(database: Database) -> None:
    dsn = database.start()
    await value(dsn, "create table kept (n int)")
    await value(dsn, "insert into kept values (7)")
    killed = pid_of(database)
    os.kill(killed, signal.SIGKILL)
    assert await value(database.start(), "select n from kept") == 7
    assert pid_of(database) != killed


async def test_a_lock_file_with_someone_elses_process_number_does_not_stop_it(database: Database) -> None:
    database.start()
    os.kill(pid_of(database), signal.SIGKILL)
    lock = database.folder / "data" / "postmaster.pid"
    _, *rest = lock.read_text(encoding="utf-8").splitlines(keepends=True)
    lock.write_text("".join([f"{os.getppid()}\n", *rest]), encoding="utf-8")
    assert await value(database.start(), "select 1") == 1


async def test_a_folder_too_long_for_a_socket_will_do(tmp_path: Path) -> None:
    database = Database(tmp_path / ("long" * 25) / "postgres")
    try:
        assert await value(database.start(), "select 1") == 1
    finally:
        database.stop()
    assert database.running() is None


async def test_a_half_made_data_folder_is_made_again(tmp_path: Path) -> None:
    database = Database(tmp_path / "postgres")
    (database.folder / "data").mkdir(parents=True)
    (database.folder / "data" / "PG_VERSION").write_text("18\n", encoding="utf-8")
    try:
        assert await value(database.start(), "select 1") == 1
    finally:
        database.stop()


async def test_no_value_of_a_failed_statement_reaches_the_log(database: Database) -> None:
    dsn = database.start()
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("create table secret (text text primary key)")
        await connection.execute("insert into secret values ('marker-of-a-learner')")
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute("insert into secret values ($1)", "marker-of-a-learner")
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute("insert into secret values ('marker-of-a-learner')")
    finally:
        await connection.close()
    log = database.log.read_text(encoding="utf-8")
    assert "secret_pkey" in log
    assert "marker-of-a-learner" not in log
