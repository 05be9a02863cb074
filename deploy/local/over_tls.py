# SPDX-License-Identifier: Apache-2.0
"""An installation on this machine with TLS everywhere: brokers, databases, and every door.

Brokers know services by certificate, databases by password, servers their operators by certificate.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from cairn.brokers import Brokers
from cairn.client.tls import Tls
from deploy.local.certificates import OPERATOR, Certificates
from deploy.local.database_door import DatabaseDoor
from deploy.local.keys import Keys
from deploy.local.secured import Secured


@dataclass(frozen=True, slots=True)
class OverTls:
    """What everything shows and believes; made by :meth:`Certificates.make`."""

    certificates: Certificates

    def broker(self, keys: Keys) -> Secured:
        """Return what the broker shows, and whom it lets in."""
        passwords = {"cairn": keys.password("kafka")}
        return Secured(self.certificates.pair("server"), self.certificates.callers, passwords)

    def database(self, keys: Keys) -> DatabaseDoor:
        """Return what the database shows, and how it is looked at."""
        own = self.certificates
        query = f"sslmode=verify-full&sslrootcert={quote(str(own.servers))}"
        return DatabaseDoor(own.certificate("server"), own.key("server"), keys.password("postgres"), query)

    def brokers(self, address: str) -> Brokers:
        """Return the brokers as this process reaches them."""
        context = ssl.create_default_context(cafile=self.certificates.servers)
        context.load_cert_chain(self.certificates.certificate("service"), self.certificates.key("service"))
        return Brokers(address, context)

    @property
    def tls(self) -> Tls:
        """What an operator shows."""
        own = self.certificates
        return Tls(
            authorities=own.servers.read_bytes(),
            certificate=own.certificate("operator").read_bytes(),
            key=own.key("operator").read_bytes(),
        )

    def of_every_process(self) -> dict[str, str]:
        """Return the settings by which a process reaches brokers."""
        own = self.certificates
        return _paths(
            KAFKA_TLS_TRUST_FILE=own.servers,
            KAFKA_TLS_CERTIFICATE_FILE=own.certificate("service"),
            KAFKA_TLS_KEY_FILE=own.key("service"),
        )

    def of_a_server(self) -> dict[str, str]:
        """Return the settings by which a serving process shows itself, and knows its operators."""
        own = self.certificates
        files = _paths(
            TLS_CERTIFICATE_FILE=own.certificate("server"),
            TLS_KEY_FILE=own.key("server"),
            TLS_TRUST_FILE=own.callers,
        )
        return {**files, "OPERATOR_IDENTITIES": f'["{OPERATOR}"]'}

    def of_a_command(self) -> dict[str, str]:
        """Return the variables by which the command shows itself to services and brokers."""
        own = self.certificates
        shown = _paths(
            CAIRN_TLS_AUTHORITIES_FILE=own.servers,
            CAIRN_TLS_CERTIFICATE_FILE=own.certificate("operator"),
            CAIRN_TLS_KEY_FILE=own.key("operator"),
        )
        return shown | self.of_every_process()


def _paths(**files: Path) -> dict[str, str]:
    return {name: str(path) for name, path in files.items()}
