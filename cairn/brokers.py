# SPDX-License-Identifier: Apache-2.0
"""Where Kafka is, and how a client is let in there."""

import ssl
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@dataclass(frozen=True, slots=True)
class Login:
    """Who a client is by SASL, and by which password."""

    mechanism: Mechanism
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Brokers:
    """Some brokers of a cluster, as host:port separated by commas, over TLS or in the clear."""

    addresses: str
    tls: ssl.SSLContext | None = None
    login: Login | None = None

    def __post_init__(self) -> None:
        """Refuse a password that would go in the clear."""
        if self.login is not None and self.tls is None:
            raise ValueError("a login needs TLS: its password would go in the clear")

    def __str__(self) -> str:
        return self.addresses


Bootstrap: TypeAlias = str | Brokers
"""Brokers; addresses alone are brokers in the clear."""


def connection(bootstrap: Bootstrap) -> dict[str, Any]:
    """Return the arguments of aiokafka's clients that say where brokers are and how they let in."""
    if isinstance(bootstrap, str) or bootstrap.tls is None:
        return {"bootstrap_servers": str(bootstrap)}
    arguments: dict[str, Any] = {"bootstrap_servers": bootstrap.addresses, "ssl_context": bootstrap.tls}
    login = bootstrap.login
    if login is None:
        return arguments | {"security_protocol": "SSL"}
    return arguments | {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": login.mechanism,
        "sasl_plain_username": login.username,
        "sasl_plain_password": login.password,
    }
