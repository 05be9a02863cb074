# SPDX-License-Identifier: Apache-2.0
"""The services as operators name them, and who the operator is."""

import getpass
import os
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, TypeVar

import typer

from cairn.cli.options import ASSESSMENT, RECOGNITION, RECORDS
from cairn.client.operations import OperationsClient, open_operations

T = TypeVar("T")


class Service(StrEnum):
    """A service of Cairn."""

    ASSESSMENT = "assessment"
    RECOGNITION = "recognition"
    RECORDS = "records"


_DEFAULTS = {
    Service.ASSESSMENT: ASSESSMENT,
    Service.RECOGNITION: RECOGNITION,
    Service.RECORDS: RECORDS,
}

Services = Annotated[
    list[Service],
    typer.Option(
        "--service", help="Only this service; may be repeated. Addresses come from CAIRN_<SERVICE>_ADDRESS."
    ),
]
OneService = Annotated[
    Service, typer.Option("--service", help="The service; its address comes from CAIRN_<SERVICE>_ADDRESS.")
]
Operator = Annotated[
    str, typer.Option(envvar="CAIRN_OPERATOR", help="Who asks, for the record; the login by default.")
]


def address_of(service: Service) -> str:
    """Return where a service answers."""
    return os.environ.get(f"CAIRN_{service.upper()}_ADDRESS", _DEFAULTS[service])


async def of_each(
    services: list[Service], ask: Callable[[OperationsClient], Awaitable[T]]
) -> dict[Service, T]:
    """Ask each service in turn, all three where none is named."""
    return {service: await of_one(service, "", ask) for service in services or list(Service)}


async def of_one(service: Service, operator: str, ask: Callable[[OperationsClient], Awaitable[T]]) -> T:
    """Ask one service in the name of an operator, or of whoever is logged in."""
    async with open_operations(address_of(service), operator or getpass.getuser()) as client:
        return await ask(client)
