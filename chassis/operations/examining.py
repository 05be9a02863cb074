# SPDX-License-Identifier: Apache-2.0
"""What a service finds where it looks at what it needs: its database, its migrations, its certificate."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

from chassis.database import PROVEN_MAJOR, Connection, Pool
from chassis.outage import outage
from chassis.sqlstate import OUTSIDE, REDO

_NOW = "select extract(epoch from clock_timestamp())::float8"
_VERSIONS = "select kind, version from chassis.schema_versions()"
# Not from `chassis.migrate`: what stays up does not need the 30 MB that migrating does.
_CHASSIS = Path(__file__).parents[1] / "migrations"
# Leases and what intake stamps are told by different clocks; design section 4 asks for seconds, not minutes.
_MOST_SECONDS_APART = 2.0
# In the last twelfth of its life a certificate should have been renewed (`chassis.rpc.tls`).
_LAST_PART = 12


class Severity(Enum):
    """How bad it is."""

    FINE = "fine"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what was found, and what to do about it."""

    subject: str
    severity: Severity
    found: str
    advice: str = ""


Shown = Callable[[], tuple[datetime, datetime]] | None
"""What tells from when until when the certificate holds that is shown; None where none is."""


class Examiner:
    """Looks when it is asked to."""

    def __init__(self, pool: Pool, service: str, migrations: Path, shown: Shown) -> None:
        """Begin; ``migrations`` is the folder of the service's own files."""
        self._pool = pool
        self._wanted = {"chassis": _newest(_CHASSIS), service: _newest(migrations)}
        self._shown = shown

    async def look(self) -> Sequence[Finding]:
        """Return what was found; a database that cannot be asked is a finding."""
        found: list[Finding] = []
        try:
            async with self._pool.acquire() as connection:
                found += await _database(connection)
                found += await self._migrations(connection)
        except (*OUTSIDE, *REDO) as error:
            found.append(Finding("database", Severity.ERROR, outage(error), "see to the database"))
        if self._shown is not None:
            found.append(certificate(*self._shown(), datetime.now(UTC)))
        return found

    async def _migrations(self, connection: Connection) -> list[Finding]:
        had = dict(map(tuple, await connection.fetch(_VERSIONS)))
        return [migrated(kind, had.get(kind, "0000"), wanted) for kind, wanted in self._wanted.items()]


async def _database(connection: Connection) -> list[Finding]:
    before = time.time()
    theirs: float = await connection.fetchval(_NOW)
    ahead = theirs - (before + time.time()) / 2
    version = connection.get_server_version()
    return [database(version.major, version.micro), clocks("the database's clock", ahead)]


def database(major: int, minor: int) -> Finding:
    """Say which version a database is of."""
    told = f"PostgreSQL {major}.{minor}"
    if major < PROVEN_MAJOR:
        advice = f"bring it to {PROVEN_MAJOR} or newer: some statements read all of an institution"
        return Finding("database", Severity.WARNING, told, advice)
    return Finding("database", Severity.FINE, told)


def migrated(kind: str, found: str, wanted: str) -> Finding:
    """Say how far the migrations of one kind have come, and how far this process knows them."""
    told = f"{kind} is at {found}, and this process knows {wanted}"
    if found < wanted:
        return Finding("migrations", Severity.ERROR, told, "run the service's `migrate`")
    if found > wanted:
        return Finding("migrations", Severity.WARNING, told, "bring out the version that has migrated")
    return Finding("migrations", Severity.FINE, told)


def clocks(whose: str, ahead: float) -> Finding:
    """Say how far another clock is from the one of this process; ``ahead`` in seconds, below zero behind."""
    told = f"{whose} is {abs(ahead):.1f} s {'behind' if ahead < 0 else 'ahead'}"
    if abs(ahead) > _MOST_SECONDS_APART:
        return Finding("clocks", Severity.WARNING, told, "set both by NTP")
    return Finding("clocks", Severity.FINE, told)


def certificate(since: datetime, until: datetime, now: datetime) -> Finding:
    """Say until when a certificate holds."""
    told = f"the certificate ends at {until.isoformat(timespec='minutes')}"
    if now >= until:
        return Finding("certificate", Severity.ERROR, told, "put a new one in TLS_CERTIFICATE_FILE")
    if until - now < (until - since) / _LAST_PART:
        return Finding(
            "certificate", Severity.WARNING, told, "renew it: it is in the last twelfth of its life"
        )
    return Finding("certificate", Severity.FINE, told)


def _newest(folder: Path) -> str:
    return max(path.name for path in folder.glob("*.sql"))[:4]
