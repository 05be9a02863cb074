# SPDX-License-Identifier: Apache-2.0
"""The settings of the records service, besides those of every service."""

from pydantic import Field, SecretStr

from chassis.settings import Port, ServingSettings


class ServeSettings(ServingSettings):
    """What the gRPC server needs."""

    records_grpc_port: Port = Field(
        default=7403,
        description="a port from 1 to 65535 for cairn.records.v1; 0 takes a free one",
    )
    records_page_token_secret: SecretStr = Field(
        min_length=32, description="a secret of at least 32 characters, the same in every process that serves"
    )
    records_watches: int = Field(
        default=500,
        ge=1,
        le=100_000,
        description="the most watches that a process keeps open, from 1 to 100000",
    )
    records_watches_of_one: int = Field(
        default=100,
        ge=1,
        le=100_000,
        description="the most watches of one caller that a process keeps open, from 1 to 100000",
    )
