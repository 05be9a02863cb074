# SPDX-License-Identifier: Apache-2.0
"""The server of records off loopback as a process, and the command as whoever shows a certificate."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.provision import Provisioned
from tests.certificates import Authority, Issued, write_server_files
from tests.integration.command import Said, cairn
from tests.integration.services.records.asking import SECRET
from tests.integration.services.records.test_processes import Running

REGISTRY = "spiffe://example.edu/registry"
"""By which an operator is known."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that runs, and where it listens."""

    running: Running

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.running.ports['serving']}"


@asynccontextmanager
async def serving_over_tls(
    records: Provisioned, broker: str, ours: Authority, theirs: Authority, folder: Path, **more: str
) -> AsyncIterator[Serving]:
    """Run the server, with ``more`` settings; at the end it stops in order, unless it was killed."""
    certificate, key, operators = write_server_files(folder, ours.server(), theirs.pem)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.records", "serve"),
        env={
            "DATABASE_URL": records.dsns["serve"],
            "KAFKA_BOOTSTRAP_SERVERS": broker,
            "RECORDS_GRPC_PORT": "0",
            "RECORDS_PAGE_TOKEN_SECRET": SECRET,
            "GRPC_HOST": "0.0.0.0",  # noqa: S104 - what is tried
            "TLS_CERTIFICATE_FILE": str(certificate),
            "TLS_KEY_FILE": str(key),
            "TLS_TRUST_FILE": str(operators),
            "OPERATOR_IDENTITIES": json.dumps([REGISTRY]),
        }
        | more,
        stderr=PIPE,
    )
    running = Running(process)
    try:
        await running.ready()
        yield Serving(running)
    finally:
        code = await running.stop() if process.returncode is None else process.returncode
    assert code in {0, -signal.SIGKILL}


@dataclass(frozen=True, slots=True)
class Run:
    """Runs the command as whoever shows a certificate."""

    address: str
    tenant: str
    folder: Path
    believed: Authority

    async def __call__(self, shown: Issued, *arguments: str, tenant: str = "") -> Said:
        """Run it to its end, about the test's own institution or another one."""
        pems = {"AUTHORITIES": self.believed.pem, "CERTIFICATE": shown.certificate, "KEY": shown.key}
        environment = self._written(pems) | {
            "CAIRN_RECORDS_ADDRESS": self.address,
            "CAIRN_TENANT": tenant or self.tenant,
            "CAIRN_OPERATOR": "anna",
        }
        return await cairn(*arguments, environment=environment)

    def _written(self, pems: Mapping[str, bytes]) -> dict[str, str]:
        files = {f"CAIRN_TLS_{name}_FILE": self.folder / f"shown.{name}" for name in pems}
        for path, pem in zip(files.values(), pems.values(), strict=True):
            path.write_bytes(pem)
        return {name: str(path) for name, path in files.items()}
