# SPDX-License-Identifier: Apache-2.0
"""All of Cairn with TLS everywhere: results become entries, and nothing is asked or told in the clear."""

import ssl
from pathlib import Path
from typing import cast

import asyncpg
import httpx2
import psutil
import pytest
from rich.console import Console

from cairn.client.errors import CallError
from cairn.client.records import open_records
from deploy.local.bring_up import Installation, installed
from deploy.local.broker import Broker
from deploy.local.cohort import generated
from deploy.local.cohort.submission import SOURCE, TENANT, recorded
from deploy.local.feed import feed
from deploy.local.layout import PARTS
from deploy.local.over_tls import OverTls
from deploy.local.progress import Steps
from deploy.local.publish import publish
from deploy.local.stack import BUILD, Endpoints, Stack

_POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
_ENCRYPTED = """
select ssl, count(*) from pg_stat_ssl join pg_stat_activity using (pid)
where application_name like 'cairn-%' group by ssl
"""


@pytest.mark.skipif(not _POSTGRES, reason="Debian's postgresql is not installed")
@pytest.mark.timeout(300)
async def test_results_become_entries_and_nothing_goes_in_the_clear(folder: Path) -> None:
    steps = Steps(Console(stderr=True, quiet=True))
    with Stack(folder / "over-tls", environment={}, tls=True) as endpoints:
        async with installed(endpoints, folder / "over-tls", steps) as installation:
            layout = installation.layout
            await publish(layout)
            submissions = list(generated.submissions(20))
            events = (recorded(each) for each in submissions)
            fed = await feed(layout, events, len(submissions), steps.console)
            assert fed.after.entries > 0
            assert await _sessions(endpoints) == {True}
            await _check_doors(installation, cast("OverTls", layout.over_tls))
            clear = Broker(folder / "over-tls" / "kafka", BUILD / "jars").running()
            assert clear is not None
            assert not _reaching(installation, clear.ports["broker"])
            assert _reaching(installation, clear.ports["certified"])


async def _sessions(endpoints: Endpoints) -> set[bool]:
    """Return whether the sessions of Cairn's processes are encrypted."""
    connection = await asyncpg.connect(endpoints.admin)
    found = await connection.fetch(_ENCRYPTED)
    await connection.close()
    return {row["ssl"] for row in found}


async def _check_doors(installation: Installation, over_tls: OverTls) -> None:
    address = installation.layout.address("records-grpc")
    async with open_records(address, TENANT, tls=over_tls.tls) as records:
        assert [entry async for entry in records.entries()]
    async with open_records(address, TENANT) as records:
        with pytest.raises(CallError):
            await records.record("anybody")
    door = installation.layout.address("assessment-http")
    believed = ssl.create_default_context(cafile=over_tls.certificates.servers)
    async with httpx2.AsyncClient(verify=believed) as client:
        answer = await client.post(f"https://{door}/v1/sources/{SOURCE}/events", json={})
        assert answer.status_code == 401
        with pytest.raises(httpx2.TransportError):
            await client.post(f"http://{door}/v1/sources/{SOURCE}/events", json={})


def _reaching(installation: Installation, port: int) -> list[str]:
    """Return which processes have a connection to a port of this machine."""
    found = []
    for part in PARTS:
        process = psutil.Process(installation.processes.running(part.name).pid)
        # One that listens has no other side.
        if any(getattr(each.raddr, "port", None) == port for each in process.net_connections("tcp")):
            found.append(part.name)
    return found
