# SPDX-License-Identifier: Apache-2.0
"""Brings a service's database to the newest schema: plain SQL files, kept in order by Alembic.

The chassis's own files come first, then the service's; each set keeps its version in a table of
the schema ``migrations``, since the two move independently. Everything runs as the owner's role in
one transaction under one advisory lock: a failure leaves the database as it was, and a second
migration at the same time waits and then finds nothing to do.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
from alembic.runtime.migration import MigrationContext, MigrationStep
from alembic.script import Script
from alembic.script.revision import RevisionMap
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from chassis.database import CONNECT_SECONDS, check_version
from chassis.errors import Bug, Reject

CHASSIS = Path(__file__).parent / "migrations"
_file_name = re.compile(r"[0-9]{4}_[a-z0-9_]+\.sql")
_service_name = re.compile(r"[a-z]+")
# All migrations of a database wait for one another under this number.
_LOCK = 0x6361_6972_6E

Applied = Callable[[str], None]


async def migrate(url: str, service: str, folder: Path, applied: Applied) -> int:
    """Apply what is missing of the chassis's and the service's files; return how many that were.

    ``url`` logs in as a member of ``cairn_<service>_owner``; ``applied`` hears the name of each file.
    """
    if not _service_name.fullmatch(service):
        message = f"{service} is not the name of a service"
        raise Bug(message)
    engine = create_async_engine(
        "postgresql+asyncpg://", poolclass=NullPool, async_creator=lambda: _connect(url, service)
    )
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(_apply_all, service, folder, applied)
    finally:
        await engine.dispose()


async def _connect(url: str, service: str) -> asyncpg.Connection:
    # Waiting for another migration may take as long as that takes, hence no time limits.
    connection = await asyncpg.connect(
        url, timeout=CONNECT_SECONDS, server_settings={"application_name": f"cairn-{service}-migrate"}
    )
    try:
        check_version(connection)
    except Reject:
        await connection.close()
        raise
    await connection.execute(f"set role cairn_{service}_owner")
    return connection


def _apply_all(connection: Connection, service: str, folder: Path, applied: Applied) -> int:
    connection.execute(text("select pg_advisory_xact_lock(:number)"), {"number": _LOCK})
    connection.execute(text("create schema if not exists migrations"))
    return sum(
        _apply(connection, list(_read(files, service, connection)), table, applied)
        for table, files in (("chassis", CHASSIS), (service, folder))
    )


def _apply(connection: Connection, scripts: list[Script], table: str, applied: Applied) -> int:
    revisions = RevisionMap(lambda: scripts)
    count = 0

    def missing(current: tuple[str, ...], _context: MigrationContext) -> Iterator[MigrationStep]:
        nonlocal count
        newest_first = revisions.iterate_revisions("heads", current, implicit_base=True)
        wanted = {each.revision for each in newest_first}
        for script in (each for each in scripts if each.revision in wanted):
            applied(f"{table} {Path(script.path).stem}")
            count += 1
            yield MigrationStep.upgrade_from_script(revisions, script)

    options = {"fn": missing, "version_table": table, "version_table_schema": "migrations"}
    MigrationContext.configure(connection, opts=options).run_migrations()
    return count


def _read(folder: Path, service: str, connection: Connection) -> Iterator[Script]:
    """Read the files of a folder as Alembic's revisions, each following the one before it."""
    files = sorted(folder.glob("*.sql"))
    if not files:
        message = f"there are no migrations in {folder.name}"
        raise Bug(message)
    down: str | None = None
    for number, path in enumerate(files, start=1):
        if not _file_name.fullmatch(path.name) or int(path.name[:4]) != number:
            message = f"{path.name} should be a migration with the number {number:04}"
            raise Bug(message)
        revision = ModuleType(path.stem)
        vars(revision).update(down_revision=down, upgrade=_upgrade(path, service, connection))
        yield Script(revision, path.name[:4], str(path))
        down = path.name[:4]


def _upgrade(path: Path, service: str, connection: Connection) -> Callable[[], None]:
    def upgrade() -> None:
        sql = path.read_text(encoding="utf-8").replace("@service@", service)
        # Only the driver's own execute takes many statements at once.
        driver: Any = connection.connection.dbapi_connection
        driver.run_async(lambda raw: raw.execute(sql))

    return upgrade
