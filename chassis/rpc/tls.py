# SPDX-License-Identifier: Apache-2.0
"""Mutual TLS of a server: its own certificate, and the authorities of those whom it lets in.

All of it comes from files, which are read anew when they change, as a mounted Secret's do. A call that
is under way goes on; the next connection meets what was read last. What cannot be used is not taken: a
key that does not come with its certificate, as half-way through a rotation, is waited for.
"""

import asyncio
from datetime import datetime

import grpc
import structlog

from chassis.errors import Reject
from chassis.rpc.authorities import Authorities
from chassis.rpc.tls_files import TlsFiles, read, seen
from chassis.waiting import within

_LOOK_SECONDS = 1.0

log = structlog.get_logger()


class ServerTls:
    """What a server shows, and whom it lets in, as the files have it now."""

    def __init__(self, files: TlsFiles) -> None:
        """Read the files; raise Reject naming the setting of the one that will not do."""
        self._files = files
        self._seen = seen(files)
        self._read = read(files)
        self._fresh = self._refused = False

    @property
    def authorities(self) -> Authorities:
        """The authorities whose certificates operators show."""
        return self._read.authorities

    @property
    def until(self) -> datetime:
        """When the server's own certificate ends."""
        return self._read.until

    def credentials(self) -> grpc.ServerCredentials:
        """Return credentials under which every connection meets what was read last."""
        return grpc.dynamic_ssl_server_credentials(
            self._configuration(),
            self._changed,  # type: ignore[arg-type]  # None stands for unchanged, which the types leave out
            require_client_authentication=True,
        )

    async def follow(self, stop: asyncio.Event) -> None:
        """Read the files again whenever they have changed, until asked to stop."""
        while not stop.is_set():
            self.look()
            await within(_LOOK_SECONDS, stop)

    def look(self) -> None:
        """Read the files again if they have changed; where one will not do, say so and go on as before.

        What would not do is tried again although nothing changes: a certificate may begin later.
        """
        now = seen(self._files)
        changed = now != self._seen
        if not (changed or self._refused):
            return
        self._seen = now
        try:
            self._read = read(self._files)
        except Reject as error:
            self._refused = True
            if changed:
                log.warning("certificate files not taken", setting=error.field, reason=error.reason)
            return
        self._fresh, self._refused = True, False
        log.info("certificate files taken", until=self.until.isoformat())

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        pair = (self._read.key, self._read.certificate)
        return grpc.ssl_server_certificate_configuration([pair], self._read.authorities.pem)

    def _changed(self) -> grpc.ServerCertificateConfiguration | None:
        # Asked by a thread of gRPC's at every handshake, which pays for what is made anew.
        if not self._fresh:
            return None
        self._fresh = False
        return self._configuration()
