# SPDX-License-Identifier: Apache-2.0
"""Databases of tests: each a copy of one that its service's migrations ran on once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from chassis.migrate import migrate
from deploy.local.provision import Provisioned, drop_database, provision


class Databases:
    """Makes databases on one server; what the migrations themselves do, their own tests say."""

    def __init__(self, admin: str) -> None:
        self._admin = admin
        self._migrated: dict[tuple[str, Path], str] = {}

    @asynccontextmanager
    async def made(self, service: str, migrations: Path) -> AsyncIterator[Provisioned]:
        """Make a service's database for as long as the block lasts."""
        if (service, migrations) not in self._migrated:
            self._migrated[service, migrations] = await self._migrate(service, migrations)
        prefix = _prefix()
        await self._copy(self._migrated[service, migrations], f"{prefix}cairn_{service}", service)
        made = await provision(self._admin, service, prefix=prefix)
        try:
            yield made
        finally:
            await drop_database(self._admin, made.database)

    def as_admin(self, made: Provisioned) -> str:
        """Return the administrator's DSN of a database."""
        return urlunsplit(urlsplit(self._admin)._replace(path=f"/{made.database}"))

    async def drop(self) -> None:
        """Drop what the others were copied from."""
        for database in self._migrated.values():
            await drop_database(self._admin, database)

    async def _migrate(self, service: str, migrations: Path) -> str:
        made = await provision(self._admin, service, prefix=_prefix())
        await migrate(made.dsns["migrate"], service, migrations, lambda _file: None)
        return made.database

    async def _copy(self, template: str, database: str, service: str) -> None:
        connection = await asyncpg.connect(self._admin)
        try:
            # The names are of letters, digits and underscores.
            await connection.execute(
                f"create database {database} template {template} owner cairn_{service}_owner"
            )
        finally:
            await connection.close()


def _prefix() -> str:
    return f"t{uuid4().hex[:12]}_"
