# SPDX-License-Identifier: Apache-2.0
"""A local database's door over TLS, which the wheel's PostgreSQL has not: Debian's has it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from deploy.local.logtail import ServerFailedError
from deploy.local.unprivileged import Runner

_PLACES = Path("/usr/lib/postgresql")
_HBA = "hostssl all all 127.0.0.1/32 scram-sha-256\n"


@dataclass(frozen=True, slots=True)
class DatabaseDoor:
    """What a server shows, its superuser's password, and how a URL says that it is looked at."""

    certificate: Path
    key: Path
    password: str = field(repr=False)
    query: str

    def programs(self) -> Path:
        """Return the folder of the newest PostgreSQL that the system has; raises ServerFailedError."""
        found = sorted(_PLACES.glob("*/bin/postgres"), key=lambda path: int(path.parents[1].name))
        if not found:
            raise ServerFailedError(
                "PostgreSQL", f"there is none in {_PLACES}: install Debian's `postgresql`"
            )
        return found[-1].parents[1]

    def initialisation(self, folder: Path, owner: Runner) -> tuple[str, ...]:
        """Return with which options the data folder is made."""
        path = folder / "superuser.password"
        path.write_text(self.password, encoding="utf-8")
        _give(path, owner)
        return ("--auth=scram-sha-256", f"--pwfile={path}", "--encoding=UTF8", "--locale=C")

    def settings(self, folder: Path, data: Path, owner: Runner, port: int) -> Mapping[str, str]:
        """Write what the server shows and whom it lets in, and return the settings that say so."""
        shown = folder / "shown"
        owner.own(shown)
        for path, name in ((self.certificate, "server.crt"), (self.key, "server.key")):
            (shown / name).write_bytes(path.read_bytes())
            _give(shown / name, owner)
        (data / "pg_hba.conf").write_text(_HBA, encoding="utf-8")
        return {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "ssl": "on",
            "ssl_cert_file": str(shown / "server.crt"),
            "ssl_key_file": str(shown / "server.key"),
        }

    def dsn(self, port: int) -> str:
        """Return the superuser's DSN."""
        user = f"postgres:{quote(self.password, safe='')}"
        return f"postgresql://{user}@127.0.0.1:{port}/postgres?{self.query}"


def _give(path: Path, owner: Runner) -> None:
    path.chmod(0o600)
    if owner.user is not None and owner.group is not None:
        os.chown(path, owner.user, owner.group)
