# SPDX-License-Identifier: Apache-2.0
"""Mutual TLS of a server: its own certificate, and the authorities of those whom it lets in.

Both come from files. A call that is under way goes on when they change; the next connection meets what
was read last. They are read apart from each other, so that who is believed can always be changed.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import structlog
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from chassis import metrics
from chassis.followed import Followed
from chassis.metric_catalogue import CERTIFICATE_END, CERTIFICATE_START
from chassis.rpc.authorities import Authorities
from chassis.rpc.roots import apart
from chassis.rpc.tls_files import CERTIFICATE, KEY, TRUST, Own, read_own, read_trust
from chassis.waiting import within

_LOOK_SECONDS = 1.0
# A certificate that lives for a day is renewed in its last hours, one of a year in its last month.
_LAST_PART = 12
_BETWEEN_WARNINGS = timedelta(hours=1)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Where the server's certificate with its chain, its key, and its operators' authorities are, in PEM."""

    certificate: Path
    key: Path
    trust: Path


class ServerTls:
    """What a server shows, and whom it lets in, as the files have it now."""

    def __init__(self, files: TlsFiles) -> None:
        """Read the files; raise Reject naming the setting of the one that will not do."""
        self._own = Followed({CERTIFICATE: files.certificate, KEY: files.key}, read_own)
        self._trust = Followed({TRUST: files.trust}, read_trust)
        self._besides: tuple[Certificate, ...] = ()
        self._also: list[Callable[[Own], None]] = []
        self._fresh = False
        self._warn_at = datetime.min.replace(tzinfo=UTC)

    @property
    def authorities(self) -> Authorities:
        """The authorities whose certificates operators show."""
        return self._trust.held

    @property
    def lifetime(self) -> tuple[datetime, datetime]:
        """From when until when the certificate holds that is shown now."""
        return self._own.held.since, self._own.held.until

    def believe(self, bundles: Iterable[Authorities]) -> None:
        """Let in from now on, besides operators, whom the authorities of these bundles vouch for.

        That is all that it gives them: for whom they speak is asked of one bundle alone (ADR 0009). One that
        could be taken for an operators' authority, or for one before it, is left out.
        """
        self._besides = tuple(each for bundle in bundles for each in bundle.certificates)
        self._fresh = True

    def show_also(self, show: Callable[[Own], None]) -> None:
        """Have another server of this process show the same: now, and whenever it is renewed."""
        show(self._own.held)
        self._also.append(show)

    def credentials(self) -> grpc.ServerCredentials:
        """Return credentials under which every connection meets what was read last."""
        return grpc.dynamic_ssl_server_credentials(
            self._configuration(),
            self._changed,  # type: ignore[arg-type]  # None stands for unchanged, which the types leave out
            require_client_authentication=True,
        )

    async def follow(self, stop: asyncio.Event) -> None:
        """Read the files again whenever they have changed, until asked to stop."""
        self._tell()
        while not stop.is_set():
            self.look()
            self._warn()
            await within(_LOOK_SECONDS, stop)

    def look(self) -> None:
        """Read the files again if they have changed."""
        if self._own.follow():
            self._fresh = True
            for show in self._also:
                show(self._own.held)
            self._tell()
        if self._trust.follow():
            self._fresh = True
            log.info("authorities of operators changed")

    def _tell(self) -> None:
        own = self._own.held
        metrics.hold(CERTIFICATE_START, own.since.timestamp(), CERTIFICATE)
        metrics.hold(CERTIFICATE_END, own.until.timestamp(), CERTIFICATE)
        log.info("certificate", until=own.until.isoformat())

    def _warn(self) -> None:
        now, own = datetime.now(UTC), self._own.held
        if own.until - now < (own.until - own.since) / _LAST_PART and now >= self._warn_at:
            self._warn_at = now + _BETWEEN_WARNINGS
            said = "certificate ends soon" if now < own.until else "certificate has ended"
            log.warning(said, until=own.until.isoformat())

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        own, wanted = self._own.held, (*self._trust.held.certificates, *self._besides)
        roots = tuple(apart(wanted))
        if left_out := len(set(wanted)) - len(roots):
            log.warning("authorities left out: others of their names are believed", count=left_out)
        # Written anew: of what stood around them in a file nothing reaches TLS.
        pem = b"".join(each.public_bytes(Encoding.PEM) for each in roots)
        return grpc.ssl_server_certificate_configuration([(own.key, own.certificate)], pem)

    def _changed(self) -> grpc.ServerCertificateConfiguration | None:
        # Asked by a thread of gRPC's at every handshake, which pays for what is made anew.
        if not self._fresh:
            return None
        self._fresh = False
        return self._configuration()
