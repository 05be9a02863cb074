# SPDX-License-Identifier: Apache-2.0
"""The settings of the recognition service, besides those of every service."""

from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from cairn.ids import Tenant
from chassis.settings import Port, ServiceSettings, ServingSettings, read_json


def _zone(value: Any) -> ZoneInfo:
    return ZoneInfo(str(value))


Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]


class ServeSettings(ServingSettings):
    """What the gRPC server needs."""

    recognition_grpc_port: Port = Field(
        default=7402,
        description="a port from 1 to 65535 for cairn.recognition.v1; 0 takes a free one",
    )


class ConsumeSettings(ServiceSettings):
    """What the consumer of competency events needs."""

    recognition_time_zones: Annotated[Mapping[Tenant, Zone], NoDecode, BeforeValidator(read_json)] = Field(
        default_factory=dict,
        description='a JSON object of tenants and time zones, such as {"open": "Europe/London"}; else UTC',
    )
