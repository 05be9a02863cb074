# SPDX-License-Identifier: Apache-2.0
"""A full disk refuses to let a table grow, then ends the server; with room again nothing is lost."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from deploy.local.database import Database
from tests.prove import disk
from tests.prove.disk import SETTINGS, Disk, mounted

# More than fits into the pages that a table has, in rows too short to be compressed.
ROWS = 100
INSERT = "insert into kept select repeat('x', 1000) from generate_series(1, 100)"
# A mebibyte of write-ahead log and no table.
LOG_ONLY = "select pg_logical_emit_message(true, 'prove', repeat('x', 1048576))"
MORE_THAN_A_FILE = 64
END_SECONDS = 20.0


@pytest.fixture(scope="module", autouse=True)
def allowed() -> None:
    if (reason := disk.possible()) is not None:
        pytest.skip(reason)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "postgres", SETTINGS)


@pytest.fixture
def small(database: Database) -> Iterator[Disk]:
    with mounted(database.data, 256) as small:
        yield small
        database.stop()


async def rows(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return int(await connection.fetchval("select count(*) from kept"))
    finally:
        await connection.close()


async def write_log(connection: asyncpg.Connection) -> None:
    for _ in range(MORE_THAN_A_FILE):
        await connection.execute(LOG_ONLY)


async def test_a_table_cannot_grow_and_its_session_goes_on(database: Database, small: Disk) -> None:
    async with asyncpg.create_pool(database.start(), min_size=1, max_size=1) as pool:
        await pool.execute("create table kept (text text)")
        await pool.execute(INSERT)
        assert small.fill() > 0
        assert small.left == 0
        with pytest.raises(asyncpg.DiskFullError) as refused:
            await pool.execute(INSERT)
        assert refused.value.sqlstate == "53100"
        assert await pool.fetchval("select count(*) from kept") == ROWS
        small.free()
        assert small.left > 0
        await pool.execute(INSERT)
        assert await pool.fetchval("select count(*) from kept") == 2 * ROWS


async def test_a_log_that_cannot_be_written_ends_the_server(database: Database, small: Disk) -> None:
    dsn = database.start()
    connection = await asyncpg.connect(dsn)
    await connection.execute("create table kept (text text)")
    await connection.execute(INSERT)
    small.fill()
    with pytest.raises(asyncpg.ConnectionDoesNotExistError):  # SQLSTATE 08003, which the client makes up
        await write_log(connection)
    assert "PANIC" in database.log.read_text(encoding="utf-8")
    deadline = time.monotonic() + END_SECONDS
    while database.running() is not None:
        assert time.monotonic() < deadline, "it recovered without room to write"
        await asyncio.sleep(0.05)
    small.free()
    assert await rows(database.start()) == ROWS


async def test_room_in_time_lets_the_server_recover_by_itself(database: Database, small: Disk) -> None:
    dsn = database.start()
    connection = await asyncpg.connect(dsn)
    await connection.execute("create table kept (text text)")
    await connection.execute(INSERT)
    small.fill()
    before = database.running()
    assert before is not None
    server = before.process()
    assert server is not None
    # Asleep it does not recover before there is room.
    server.suspend()
    with pytest.raises(asyncpg.ConnectionDoesNotExistError):
        await write_log(connection)
    small.free()
    server.resume()
    assert await rows(database.start()) == ROWS
    assert database.running() == before


def test_nothing_stays_mounted(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", 1) as first:
        first.fill()
        assert first.left == 0
    assert not first.folder.is_mount()
    assert list(first.folder.iterdir()) == []
