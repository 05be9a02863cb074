# SPDX-License-Identifier: Apache-2.0
"""Where a gRPC server listens and who is let in there, from its settings.

In the clear it listens on loopback only: nothing else is served to whoever is not known (design section 7).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from chassis.errors import Reject
from chassis.rpc.operators import CertifiedOperators, Operators, OperatorsHere
from chassis.rpc.tls import ServerTls, TlsFiles
from chassis.rpc.tls_files import CERTIFICATE, KEY, TRUST
from chassis.settings import ServingSettings


@dataclass(frozen=True, slots=True)
class Listening:
    """An address to listen on; without ``tls`` it is on loopback."""

    host: str
    tls: ServerTls | None
    operators: Operators

    @property
    def lifetime(self) -> Callable[[], tuple[datetime, datetime]] | None:
        """What tells from when until when the certificate holds that is shown; None where none is."""
        tls = self.tls
        return None if tls is None else lambda: tls.lifetime


_IDENTITIES = "OPERATOR_IDENTITIES"
LOOPBACK = Listening("127.0.0.1", None, OperatorsHere())


def read_listening(settings: ServingSettings) -> Listening:
    """Return where to listen; raise Reject naming the setting that will not do."""
    files = _files(settings)
    if files is None:
        if not settings.grpc_host.is_loopback:
            raise Reject(f"must be 127.0.0.1 or ::1 as long as {CERTIFICATE} is not set", "GRPC_HOST")
        if settings.operator_identities:
            raise Reject(f"must be left out as long as {CERTIFICATE} is not set", _IDENTITIES)
        return Listening(str(settings.grpc_host), None, LOOPBACK.operators)
    if not settings.operator_identities:
        raise Reject("must name at least one operator: over TLS nobody else may ask", _IDENTITIES)
    tls = ServerTls(files)
    operators = CertifiedOperators(lambda: tls.authorities, settings.operator_identities, _now)
    return Listening(str(settings.grpc_host), tls, operators)


def _files(settings: ServingSettings) -> TlsFiles | None:
    certificate, key, trust = (
        settings.tls_certificate_file,
        settings.tls_key_file,
        settings.tls_trust_file,
    )
    if certificate is None and key is None and trust is None:
        return None
    if certificate is None or key is None or trust is None:
        named = {CERTIFICATE: certificate, KEY: key, TRUST: trust}
        missing = ", ".join(name for name, path in named.items() if path is None)
        raise Reject(f"{missing} not set: TLS needs {CERTIFICATE}, {KEY} and {TRUST} together")
    return TlsFiles(certificate=certificate, key=key, trust=trust)


def _now() -> datetime:
    return datetime.now(UTC)
