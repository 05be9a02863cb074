# SPDX-License-Identifier: Apache-2.0
"""Where the HTTP door listens, from its settings, and whether it asks who is there.

Over TLS, or behind an ingress that ends it, each platform shows a credential. In the clear on loopback
whoever is on this machine is let in, as at the other doors (ADR 0009): nothing else is served to whoever is
not known.
"""

import ssl
from dataclasses import dataclass

import structlog

from chassis.errors import Reject
from chassis.rpc.listening import Listening
from chassis.rpc.tls_files import CERTIFICATE, Own
from chassis.tls_context import load_chain, reason_of
from services.assessment.settings import ServeSettings

log = structlog.get_logger()
_HOST, _INGRESS = "ASSESSMENT_HTTP_HOST", "ASSESSMENT_HTTP_INGRESS"


@dataclass(frozen=True, slots=True)
class HttpListening:
    """An address to listen on, over TLS or not, and whether credentials are asked for."""

    host: str
    tls: ssl.SSLContext | None
    asks: bool


LOOPBACK = HttpListening("127.0.0.1", None, asks=False)


def read_http_listening(settings: ServeSettings, listening: Listening) -> HttpListening:
    """Return where to listen; raise Reject naming the setting that will not do.

    The certificate is the one of the gRPC server of this process; once renewed, the next handshake meets it.
    """
    host, ingress = settings.assessment_http_host, settings.assessment_http_ingress
    if ingress:
        return HttpListening(str(host), None, asks=True)
    if listening.tls is None:
        if not host.is_loopback:
            reason = f"must be 127.0.0.1 or ::1, unless {CERTIFICATE} is set or {_INGRESS} is true"
            raise Reject(reason, _HOST)
        return HttpListening(str(host), None, asks=False)
    shown = _Shown()
    listening.tls.show_also(shown.renew)
    return HttpListening(str(host), shown.first, asks=True)


class _Shown:
    """What new connections are shown.

    A context for each certificate: one and the same would keep an old one of another kind of key.
    """

    def __init__(self) -> None:
        self._now: ssl.SSLContext | None = None
        self.first: ssl.SSLContext | None = None

    def renew(self, own: Own) -> None:
        """Show a certificate from now on; one that OpenSSL does not take is left, and the log says so.

        Raises Reject for the first.
        """
        try:
            self._now = _context(own)
        except (ssl.SSLError, OSError) as error:
            reason = reason_of(error)
            if self.first is None:
                refused = Reject(
                    f"must hold a certificate and chain that OpenSSL takes: {reason}", CERTIFICATE
                )
                raise refused from None
            log.warning("certificate not taken", reason=reason)
            return
        if self.first is None:
            self.first = self._now
            self.first.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        if self._now is not None:
            connection.context = self._now


def _context(own: Own) -> ssl.SSLContext:
    """Make a context that shows a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_chain(context, own.certificate, own.key)
    return context
