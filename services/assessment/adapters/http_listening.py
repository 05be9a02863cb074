# SPDX-License-Identifier: Apache-2.0
"""Where the HTTP door listens, from its settings, and whether it asks who is there.

Over TLS, or behind an ingress that ends it, each platform shows a credential. In the clear on loopback
whoever is on this machine is let in, as at the other doors (ADR 0009): nothing else is served to whoever is
not known.
"""

import os
import ssl
from dataclasses import dataclass

from chassis.errors import Reject
from chassis.rpc.listening import Listening
from chassis.rpc.tls_files import CERTIFICATE, Own
from services.assessment.settings import ServeSettings

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
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    listening.tls.show_also(lambda own: _show(context, own))
    return HttpListening(str(host), context, asks=True)


def _show(context: ssl.SSLContext, own: Own) -> None:
    """Have handshakes show a certificate from now on; it is read from memory, so that its key stays there."""
    descriptor = os.memfd_create("certificate")
    with os.fdopen(descriptor, "wb") as file:
        file.write(own.key + b"\n" + own.certificate)
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
