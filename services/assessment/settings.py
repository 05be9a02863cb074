# SPDX-License-Identifier: Apache-2.0
"""The settings of the assessment service, besides those of every service."""

from base64 import b64decode
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, IPvAnyAddress, SecretStr
from pydantic_settings import NoDecode

from cairn.ids import Tenant
from chassis.settings import Port, ServiceSettings, ServingSettings, read_json
from services.assessment.app.sources import Source, Sources

_KEY_BYTES = 32


def _key(value: SecretStr) -> SecretStr:
    if len(b64decode(value.get_secret_value(), validate=True)) < _KEY_BYTES:
        raise ValueError
    return value


def _zone(value: Any) -> ZoneInfo:
    return ZoneInfo(str(value))


Key = Annotated[SecretStr, AfterValidator(_key)]
Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]


class ResultsSettings(ServiceSettings):
    """What the consumer of results needs."""

    assessment_time_zones: Annotated[Mapping[Tenant, Zone], NoDecode, BeforeValidator(read_json)] = Field(
        default_factory=dict,
        description='a JSON object of tenants and time zones, such as {"open": "Europe/London"}; else UTC',
    )


class IntakeSettings(ServiceSettings):
    """What a door needs."""

    assessment_sources: Annotated[Sources, NoDecode, BeforeValidator(read_json)] = Field(
        description='a JSON array of the platforms, such as [{"name": "lms", "tenant": "open"}]'
    )
    assessment_master_key: Key = Field(
        description="at least 32 random bytes in base64, under which the keys of payloads are wrapped"
    )
    cairn_identity_key: Key = Field(
        description="at least 32 random bytes in base64, from which learner ids are derived; never changed"
    )

    def sources(self) -> dict[str, Source]:
        """Return the sources by name."""
        return {source.name: source for source in self.assessment_sources}


class ServeSettings(IntakeSettings, ServingSettings):
    """What the HTTP door and the gRPC server need."""

    assessment_http_port: Port = Field(
        default=7400, description="a port from 1 to 65535 for the HTTP door; 0 takes a free one"
    )
    assessment_http_host: IPvAnyAddress = Field(
        default=IPv4Address("127.0.0.1"),
        description="the IP address of the HTTP door; any but loopback needs the TLS files or an ingress",
    )
    assessment_http_ingress: bool = Field(
        default=False,
        description="true where an ingress in front of the HTTP door ends TLS, and nothing else reaches it",
    )
    assessment_grpc_port: Port = Field(
        default=7401,
        description="a port from 1 to 65535 for cairn.assessment.v1; 0 takes a free one",
    )
    assessment_backlog: int = Field(
        default=200_000,
        ge=1,
        description="how many rows may wait to be published before the HTTP door answers 503, from 1",
    )


def key_bytes(key: SecretStr) -> bytes:
    """Return the bytes of a key."""
    return b64decode(key.get_secret_value())
