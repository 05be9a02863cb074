# SPDX-License-Identifier: Apache-2.0
"""The process of Cairn that tells records, alone on a database of its own.

What the other processes do while nothing happens would be measured with it on the same cores.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit, urlunsplit

from chassis.migrate import migrate
from deploy.local import ports
from deploy.local.keys import Keys
from deploy.local.processes import Processes, Service
from deploy.local.provision import Provisioned, drop_database, provision
from deploy.local.stack import ROOT, Endpoints
from services.records import bootstrap

_PREFIX = "bench_"


@dataclass(frozen=True, slots=True)
class RecordServer:
    """Where it answers, and its database: for its roles and for the administrator."""

    address: str
    database: Provisioned
    admin: str = field(repr=False)


@asynccontextmanager
async def record_server(
    endpoints: Endpoints, folder: Path, settings: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[RecordServer]:
    """Run the server on an empty record while the block lasts; ``settings`` are its own besides."""
    await drop_database(endpoints.admin, f"{_PREFIX}cairn_records")
    database = await provision(endpoints.admin, bootstrap.SERVICE, prefix=_PREFIX, keys=endpoints.keys)
    await migrate(database.dsns["migrate"], bootstrap.SERVICE, bootstrap.MIGRATIONS, lambda _file: None)
    chosen = ports.choose(folder / "ports.json", {"records-grpc": 0, "records-serve": 0})
    service = Service(
        name="records-serve",
        command=("services.records", "serve"),
        health_port=chosen["records-serve"],
        environment={
            "DATABASE_URL": database.dsns["serve"],
            "KAFKA_BOOTSTRAP_SERVERS": endpoints.bootstrap,
            "RECORDS_GRPC_PORT": str(chosen["records-grpc"]),
            "RECORDS_PAGE_TOKEN_SECRET": Keys(folder / "secrets").key("records-page-token"),
            **settings,
        },
    )
    processes = Processes(folder, ROOT)
    try:
        processes.start([service])
        await processes.ready()
        admin = urlunsplit(urlsplit(endpoints.admin)._replace(path=f"/{database.database}"))
        yield RecordServer(f"{ports.LOOPBACK}:{chosen['records-grpc']}", database, admin)
    finally:
        await asyncio.to_thread(processes.stop)
        await drop_database(endpoints.admin, database.database)
