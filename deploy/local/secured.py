# SPDX-License-Identifier: Apache-2.0
"""A local broker's doors over TLS: one that asks for a certificate, and one that asks for a password."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

DOORS = ("certified", "login")
_SETTINGS = """\
listeners=CONTROLLER://127.0.0.1:{controller},{doors}
advertised.listeners={doors}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,CERTIFIED:SSL,LOGIN:SASL_SSL
ssl.keystore.type=PEM
ssl.keystore.location={shown}
ssl.truststore.type=PEM
ssl.truststore.location={believed}
listener.name.certified.ssl.client.auth=required
listener.name.login.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.login.plain.sasl.jaas.config={module}.plain.PlainLoginModule required {users};
listener.name.login.scram-sha-256.sasl.jaas.config={module}.scram.ScramLoginModule required;
listener.name.login.scram-sha-512.sasl.jaas.config={module}.scram.ScramLoginModule required;
"""


@dataclass(frozen=True, slots=True)
class Secured:
    """What a broker shows: a key and its chain in one PEM file; whom it believes; and who may log in."""

    shown: Path
    believed: Path
    passwords: Mapping[str, str] = field(repr=False)

    def settings(self, ports: Mapping[str, int]) -> str:
        """Return the lines of the broker's settings, which stand behind those that they replace."""
        users = " ".join(f'user_{name}="{password}"' for name, password in self.passwords.items())
        doors = ",".join(f"{name.upper()}://127.0.0.1:{ports[name]}" for name in ("broker", *DOORS))
        return _SETTINGS.format(
            controller=ports["controller"],
            doors=doors,
            shown=self.shown,
            believed=self.believed,
            module="org.apache.kafka.common.security",
            users=users,
        )

    def scram(self) -> Iterator[str]:
        """Yield the arguments that make the users when the storage is formatted (KIP-900)."""
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
            for name, password in self.passwords.items():
                yield from ("--add-scram", f"{mechanism}=[name={name},password={password}]")
