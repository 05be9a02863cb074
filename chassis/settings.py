# SPDX-License-Identifier: Apache-2.0
"""Settings from the environment, every value validated before the process does anything.

A value that will not do is refused by the name of its variable and by what would be right; the
value itself is never shown, since it may be a secret. ``chassis/example.env`` documents every
variable of every service, and a test proves that it is complete.
"""

import json
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, IPvAnyAddress, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from chassis.errors import Reject


def _postgres_url(value: SecretStr) -> SecretStr:
    parts = urlsplit(value.get_secret_value())
    if parts.scheme not in {"postgresql", "postgres"} or len(parts.path) < 2:
        raise ValueError
    given = dict(parse_qsl(parts.query))
    hosts = [*_hosts(parts.netloc.rpartition("@")[2]), *_hosts(given.get("host", ""))]
    # Where no host is given the environment would name one, as a service of a file would.
    here = bool(hosts) and all(map(_is_here, hosts)) and "service" not in given
    # What asyncpg does by itself, TLS without looking who answers, or none, protects from nobody.
    if parts.netloc.count("@") > 1 or not (here or given.get("sslmode") in {"verify-full", "disable"}):
        raise ValueError
    return value


def _hosts(text: str) -> list[str]:
    return [unquote(host) for host in text.split(",") if host]


def _is_here(host: str) -> bool:
    """Tell whether a host, maybe with its port, is this machine: a socket's folder, or loopback."""
    if host.startswith("/"):
        return True
    name = urlsplit(f"//{host}").hostname
    if name is None or name == "localhost":
        return name is not None
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError
    return value


def _bootstrap_servers(value: str) -> str:
    for server in value.split(","):
        host, _, port = server.strip().rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
            raise ValueError
    return value


def _uri(value: str) -> str:
    parts = urlsplit(value)
    if not parts.scheme or not parts.netloc or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError
    return value


def read_json(value: Any) -> Any:
    """Read a setting that is written in JSON; raises ValueError."""
    return json.loads(value) if isinstance(value, str) else value


DatabaseUrl = Annotated[SecretStr, AfterValidator(_postgres_url)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
BootstrapServers = Annotated[str, AfterValidator(_bootstrap_servers)]
Uri = Annotated[str, AfterValidator(_uri)]
Port = Annotated[int, Field(ge=0, lt=2**16)]


class ProcessSettings(BaseSettings):
    """What every process needs; a field's description says what its variable must be."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    database_url: DatabaseUrl = Field(
        description="the database of this service under the role of this process, as postgresql://role@host:port/name,"
        " on another machine with ?sslmode=verify-full&sslrootcert=FILE,"
        " or ?sslmode=disable where the network is trusted"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="one of debug, info, warning, error"
    )
    otel_exporter_otlp_endpoint: HttpUrl | None = Field(
        default=None,
        description="the OTLP gRPC endpoint of a collector, as http://host:4317; unset exports nothing",
    )


class ServiceSettings(ProcessSettings):
    """What a process that stays up needs; a service adds its own under its own prefix."""

    kafka_bootstrap_servers: BootstrapServers = Field(
        description="one or more brokers, as host:port separated by commas"
    )
    kafka_tls_trust_file: Path | None = Field(
        default=None,
        description="a file with the authorities of the brokers' certificates, in PEM;"
        " unset, they are reached in the clear",
    )
    kafka_tls_certificate_file: Path | None = Field(
        default=None, description="a file with the certificate to show to brokers and its chain, in PEM"
    )
    kafka_tls_key_file: Path | None = Field(
        default=None, description="a file with the key of that certificate, in PEM, without a passphrase"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None, description="how to log in to brokers: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
    )
    kafka_sasl_username: str | None = Field(default=None, description="as whom to log in to brokers")
    kafka_sasl_password_file: Path | None = Field(
        default=None, description="a file with the password to log in to brokers with"
    )
    kafka_session_timeout_seconds: int = Field(
        default=45,
        ge=6,
        le=300,
        description="the seconds from 6 to 300 without a heartbeat after which a consumer loses its share",
    )
    health_host: IPvAnyAddress = Field(
        default=IPv4Address("127.0.0.1"),
        description="the IP address to answer /livez, /readyz and /metrics on, which ask nobody who they are",
    )
    health_port: Port = Field(
        default=0, description="a port from 1 to 65535 for /livez, /readyz and /metrics; 0 takes a free one"
    )
    database_pool_size: int = Field(
        default=4, ge=1, le=100, description="a number of connections from 1 to 100"
    )
    batch_size: int = Field(
        default=2000, ge=1, le=10000, description="the most records of one unit of work, from 1 to 10000"
    )
    relay_slots: int = Field(
        default=1, ge=1, le=64, description="the number of slots among which relays share the partitions"
    )
    runner: Literal["aiokafka", "faust"] = Field(
        default="aiokafka", description="the stream runner of a consumer, aiokafka or faust"
    )


class ServingSettings(ServiceSettings):
    """What a process that answers over gRPC needs."""

    grpc_host: IPvAnyAddress = Field(
        default=IPv4Address("127.0.0.1"),
        description="the IP address to answer gRPC on; any but loopback needs the TLS files",
    )
    tls_certificate_file: Path | None = Field(
        default=None, description="a file with the server's certificate and its chain, in PEM"
    )
    tls_key_file: Path | None = Field(
        default=None, description="a file with the key of that certificate, in PEM, without a passphrase"
    )
    tls_trust_file: Path | None = Field(
        default=None, description="a file with the authorities of the operators' certificates, in PEM"
    )
    operator_identities: Annotated[tuple[Uri, ...], NoDecode, BeforeValidator(read_json)] = Field(
        default=(),
        description='a JSON array of the URIs that operators\' certificates name, such as ["spiffe://example.edu/registry"]',
    )


class ScheduleSettings(ServiceSettings):
    """What a process that schedules re-evaluations needs."""

    reevaluations_per_second: int = Field(
        default=500,
        ge=1,
        le=100_000,
        description="the most learners a second, from 1 to 100000, evaluated again after a publication",
    )


S = TypeVar("S", bound=ProcessSettings)


def load(settings: type[S]) -> S:
    """Read and validate the settings; raise Reject naming every variable at fault at once."""
    try:
        return settings()
    except ValidationError as error:
        at_fault = {str(finding["loc"][0]): finding["type"] for finding in error.errors(include_input=False)}
        findings = [_finding(settings, name, kind) for name, kind in at_fault.items()]
    # Raised here and not above: the first error holds the values, and must not travel along.
    raise Reject("; ".join(findings))


def _finding(settings: type[ProcessSettings], name: str, kind: str) -> str:
    verdict = "is not set" if kind == "missing" else "is not right"
    field = settings.model_fields.get(name.lower())
    return f"{name.upper()} {verdict}: it must be {field.description if field else 'left out'}"
