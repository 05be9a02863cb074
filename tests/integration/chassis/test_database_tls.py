# SPDX-License-Identifier: Apache-2.0
"""A real PostgreSQL over TLS: who answers is looked at, and what is renewed ends no connection.

The server of the wheel knows no TLS, so this is Debian's, and left out where that is not installed.
"""

import asyncio
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import asyncpg
import pytest

from chassis import database
from chassis.database import Connection, open_pool
from deploy.local import ports
from deploy.local.detached import launch, run_logged
from deploy.local.running import Running, stop_all
from deploy.local.unprivileged import Runner, runner
from tests.certificates import Authority, Issued

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
PATIENCE = 30.0
HBA = """\
hostssl all certified 127.0.0.1/32 cert map=uri
hostssl all postgres 127.0.0.1/32 trust
"""
# The names of the test's certificates are one and the same.
IDENT = "uri somebody certified\n"

pytestmark = pytest.mark.skipif(not PROGRAMS, reason="Debian's postgresql is not installed")


@dataclass(frozen=True, slots=True)
class Server:
    """A server over TLS, and the folder with what it shows."""

    folder: Path
    port: int
    owner: Runner

    def dsn(self, role: str = "postgres", **query: str) -> str:
        return f"postgresql://{role}@127.0.0.1:{self.port}/postgres?{urlencode(query)}"

    def show(self, issued: Issued) -> None:
        for name, pem in (("server.crt", issued.certificate), ("server.key", issued.key)):
            path = self.folder / name
            path.write_bytes(pem)
            path.chmod(0o600)
            if self.owner.user is not None and self.owner.group is not None:
                os.chown(path, self.owner.user, self.owner.group)


@pytest.fixture(scope="module")
def ours() -> Authority:
    return Authority("database")


@pytest.fixture(scope="module")
def theirs() -> Authority:
    return Authority("services")


@pytest.fixture(scope="module")
async def server(
    tmp_path_factory: pytest.TempPathFactory, ours: Authority, theirs: Authority
) -> AsyncIterator[Server]:
    folder = tmp_path_factory.mktemp("database")
    data, log = folder / "data", folder / "log"
    owner = runner(data)
    owner.own(data)
    programs = PROGRAMS[-1].parent
    run_logged([programs / "initdb", "-D", data, "-U", "postgres", "-E", "UTF8"], log, "initdb", runner=owner)
    shown = folder / "shown"
    owner.own(shown)
    chosen = ports.choose(folder / "ports.json", {"database": 0})["database"]
    server = Server(shown, chosen, owner)
    server.show(ours.server())
    (shown / "services.crt").write_bytes(theirs.pem)
    (shown / "services.crt").chmod(0o644)
    (data / "pg_hba.conf").write_text(HBA)
    (data / "pg_ident.conf").write_text(IDENT)
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(chosen),
        "unix_socket_directories": str(data),
        "fsync": "off",
        "ssl": "on",
        "ssl_cert_file": str(shown / "server.crt"),
        "ssl_key_file": str(shown / "server.key"),
        "ssl_ca_file": str(shown / "services.crt"),
    }
    command: list[str | Path] = [
        PROGRAMS[-1],
        "-D",
        data,
        *(f"--{name}={value}" for name, value in options.items()),
    ]
    running = Running.of(launch(command, log, Path("/"), runner=owner), str(data))
    async with asyncio.timeout(PATIENCE):
        # No event of this process tells that a server answers.
        while not await answers(server, ours, folder):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    yield server
    stop_all([running], grace=5)
    shutil.rmtree(data)


async def answers(server: Server, believed: Authority, folder: Path) -> bool:
    path = folder / "believed"
    path.write_bytes(believed.pem)
    try:
        async with open_over_tls(server.dsn(sslmode="verify-full", sslrootcert=str(path))) as connection:
            await connection.execute(
                "do $$ begin create role certified login; exception when duplicate_object then null; end $$"
            )
    except OSError:
        return False
    return True


@asynccontextmanager
async def open_over_tls(dsn: str) -> AsyncIterator[Connection]:
    """Open a pool as services do, and yield a connection of it."""
    pool = await open_pool(dsn, 1)
    try:
        async with pool.acquire() as connection:
            yield connection
    finally:
        await pool.close()


async def over_tls(dsn: str) -> bool:
    """Tell whether a service is let in and its connection is one over TLS; raises what keeps it out."""
    async with open_over_tls(dsn) as connection:
        return bool(await connection.fetchval("select ssl from pg_stat_ssl where pid = pg_backend_pid()"))


def trusting(folder: Path, authority: Authority) -> str:
    path = folder / "trust"
    path.write_bytes(authority.pem)
    return str(path)


async def test_the_server_is_looked_at(
    server: Server, ours: Authority, theirs: Authority, tmp_path: Path
) -> None:
    right = server.dsn(sslmode="verify-full", sslrootcert=trusting(tmp_path, ours))

    assert await over_tls(right)
    trusting(tmp_path, theirs)
    with pytest.raises(ssl.SSLCertVerificationError):
        await over_tls(right)
    # The file is read anew for each connection.
    trusting(tmp_path, ours)
    assert await over_tls(right)


async def test_a_service_is_known_by_its_certificate(
    server: Server, ours: Authority, theirs: Authority, tmp_path: Path
) -> None:
    certificate, key = tmp_path / "certificate", tmp_path / "key"

    def show(issued: Issued) -> None:
        certificate.write_bytes(issued.certificate)
        key.write_bytes(issued.key)
        key.chmod(0o600)

    files = {"sslcert": str(certificate), "sslkey": str(key)}
    dsn = server.dsn("certified", sslmode="verify-full", sslrootcert=trusting(tmp_path, ours), **files)
    show(theirs.client("spiffe://example.edu/records"))

    assert await over_tls(dsn)
    show(ours.client("spiffe://example.edu/records"))
    with pytest.raises((OSError, asyncpg.PostgresError)):
        await over_tls(dsn)
    show(theirs.client("spiffe://example.edu/records"))
    assert await over_tls(dsn)


async def test_a_renewed_server_ends_no_connection(server: Server, ours: Authority, tmp_path: Path) -> None:
    dsn = server.dsn(sslmode="verify-full", sslrootcert=trusting(tmp_path, ours))
    async with open_over_tls(dsn) as connection:
        server.show(ours.server())
        await connection.execute("select pg_reload_conf()")
        assert await over_tls(dsn)
        assert await connection.fetchval("select 1") == 1


async def test_an_old_server_is_warned_of_and_taken(
    server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PROVEN_MAJOR", 99)
    pool = await open_pool(server.dsn(sslmode="require"), 1)
    assert await pool.fetchval("select 1") == 1
    await pool.close()

    assert "old database: some statements read all of a tenant" in capsys.readouterr().out
