# SPDX-License-Identifier: Apache-2.0
"""A network of a process's own, from which it sees brokers and database until the line is cut.

The process runs in a network namespace with one line out of it. At both ends of the line,
connections to loopback are passed on to the other end: so the process finds brokers at the addresses
that they advertise, and whoever asks from outside finds the process where it would otherwise be.

While the line is cut packets vanish, and neither end is told. A connection that was open goes on
once the line is whole and TCP has tried again, whose pauses double: that may take as long again as
the cut took. A connection that is opened meanwhile is taken at its own end and gets no answer.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import IPv4Network
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit, urlunsplit

from deploy.local.ports import LOOPBACK
from deploy.local.processes import Service
from deploy.local.socketdir import SOCKET
from deploy.local.stack import ROOT
from tests.prove.commands import run
from tests.prove.forward import LISTENS
from tests.prove.line import NOWHERE, LineEnd

# Kept for tests of networks (RFC 2544), so that it is nobody's real one.
LINES = IPv4Network("198.18.0.0/15")
# Nothing else listens inside, so that the usual one is free.
DATABASE_PORT = 5432


class Apart:
    """A network while the block is open; two at the same time differ by ``name``.

    ``outward`` are ports of loopback outside that are reached from inside, such as the brokers', and
    ``inward`` ports of the process that are reached from outside, its health port first of all.
    ``database`` is the DSN of a server that :meth:`moved` leads to. A process that still runs inside
    when the block is left loses its network and goes on.
    """

    def __init__(
        self, name: str, *, outward: Iterable[int], inward: Iterable[int] = (), database: str | None = None
    ) -> None:
        digest = hashlib.sha256(name.encode()).digest()
        self._namespace = f"cairn-{digest.hex()[:8]}"
        line = int.from_bytes(digest[:2], "big") % 2**15 * 4
        self._here = LineEnd(f"co{digest.hex()[:8]}", str(LINES[line + 1]))
        self._there = LineEnd(f"ci{digest.hex()[:8]}", str(LINES[line + 2]), self.command_prefix())
        self._outward = [(port, f"{LOOPBACK}:{port}") for port in outward]
        if database is not None:
            self._outward.append((DATABASE_PORT, _place(database)))
        self._inward = [(port, f"{LOOPBACK}:{port}") for port in inward]
        self._open = ExitStack()

    def command_prefix(self) -> tuple[str, ...]:
        """Return what a command begins with to run inside; the process keeps its number."""
        return ("ip", "netns", "exec", self._namespace)

    def moved(self, service: Service) -> Service:
        """Return a process of the system as it runs inside, whose port and settings are as before.

        Only its database is at another address, since the path of a Unix socket is no network.
        """
        dsn = service.environment["DATABASE_URL"]
        environment = {**service.environment, "DATABASE_URL": self.database_url(dsn)}
        return replace(service, environment=environment, prefix=self.command_prefix())

    def database_url(self, dsn: str) -> str:
        """Return the DSN under which the database that a DSN leads to is found inside."""
        parts = urlsplit(dsn)
        login, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{login}{at}{LOOPBACK}:{DATABASE_PORT}", query=""))

    def cut(self) -> None:
        """Let every packet vanish from now on."""
        self._here.reach(self._there, NOWHERE)
        self._there.reach(self._here, NOWHERE)

    def heal(self) -> None:
        """Let packets through again."""
        self._here.reach(self._there, self._there.hardware)
        self._there.reach(self._here, self._here.hardware)

    def __enter__(self) -> Self:
        self._remove()
        try:
            self._lay()
            self._forward()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _lay(self) -> None:
        run("ip", "netns", "add", self._namespace)
        peer = ("peer", "name", self._there.device, "netns", self._namespace)
        run("ip", "link", "add", self._here.device, "type", "veth", *peer)
        self._there.run("ip", "link", "set", "lo", "up")
        for end in (self._here, self._there):
            end.run("ip", "address", "add", f"{end.address}/30", "dev", end.device)
            end.run("ip", "link", "set", end.device, "up")
        self.heal()

    def _forward(self) -> None:
        """Pass connections on at both ends, between which each port has a number that nobody else takes."""
        hops = range(1, 1 + len(self._outward) + len(self._inward))
        out, back = hops[: len(self._outward)], hops[len(self._outward) :]
        here, there = self._here.address, self._there.address
        outside = [f"{here}:{hop}={place}" for hop, (_, place) in zip(out, self._outward, strict=True)]
        outside += [
            f"{LOOPBACK}:{port}={there}:{hop}" for hop, (port, _) in zip(back, self._inward, strict=True)
        ]
        inside = [
            f"{LOOPBACK}:{port}={here}:{hop}" for hop, (port, _) in zip(out, self._outward, strict=True)
        ]
        inside += [f"{there}:{hop}={place}" for hop, (_, place) in zip(back, self._inward, strict=True)]
        self._open.callback(_end, _forwarder((), outside))
        self._open.callback(_end, _forwarder(self.command_prefix(), inside))

    def _close(self) -> None:
        self._open.close()
        self._remove()

    def _remove(self) -> None:
        for command in (("ip", "link", "del", self._here.device), ("ip", "netns", "del", self._namespace)):
            subprocess.run(command, check=False, capture_output=True)


def possible() -> str | None:
    """Return why this machine does not let us make a network, or nothing."""
    if os.geteuid() != 0:
        return "only the superuser makes a network namespace"
    if shutil.which("ip") is None:
        return "there is no command ip (iproute2)"
    try:
        with Apart(f"possible-{os.getpid()}", outward=()):
            return None
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no network namespace can be made: {getattr(error, 'stderr', None) or error}".strip()


def _place(dsn: str) -> str:
    parts = urlsplit(dsn)
    folder = parse_qs(parts.query).get("host")
    return f"{folder[0]}/{SOCKET}" if folder else f"{parts.hostname}:{parts.port or DATABASE_PORT}"


def _forwarder(prefix: Sequence[str], routes: Sequence[str]) -> "subprocess.Popen[str]":
    command = [*prefix, sys.executable, "-m", "tests.prove.forward", *routes]
    pipe = subprocess.PIPE
    forwarder = subprocess.Popen(
        command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, start_new_session=True
    )
    if forwarder.stdout is None or LISTENS not in forwarder.stdout.readline():
        _end(forwarder)
        raise OSError(f"connections cannot be passed on: {' '.join(routes)}")
    return forwarder


def _end(forwarder: "subprocess.Popen[str]") -> None:
    with forwarder:
        forwarder.kill()
