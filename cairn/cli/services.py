# SPDX-License-Identifier: Apache-2.0
"""The services as operators name them, and who the operator is."""

import asyncio
import getpass
import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Generic, TypeVar

import typer
from rich.console import RenderableType

from cairn.cli.options import ASSESSMENT, RECOGNITION, RECORDS
from cairn.cli.output import out, print_json, report
from cairn.cli.tls import tls
from cairn.client.errors import CallError, NotFoundError, UnavailableError
from cairn.client.operations import OperationsClient, open_operations
from cairn.operations.v1.consumer_pb2 import Consumer

T = TypeVar("T")
_consumer = re.compile(r"(?<![^/])consumers/[^/]+")


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
    Service | None,
    typer.Option(
        "--service",
        help="The service; found by the consumer where it is not given. "
        "Its address comes from CAIRN_<SERVICE>_ADDRESS.",
    ),
]
Operator = Annotated[
    str, typer.Option(envvar="CAIRN_OPERATOR", help="Who does it, for the record; the login by default.")
]


def short_name(consumer: Consumer) -> str:
    """Return how operators name a consumer."""
    return consumer.name.removeprefix("consumers/")


def address_of(service: Service) -> str:
    """Return where a service answers."""
    return os.environ.get(f"CAIRN_{service.upper()}_ADDRESS", _DEFAULTS[service])


@dataclass(frozen=True, slots=True)
class Answers(Generic[T]):
    """What each service answered, and the trouble of those that did not."""

    of: dict[Service, T]
    troubles: dict[Service, CallError]

    def show(self, json: bool, document: object, shown: RenderableType) -> None:
        """Print what was found, and name on standard error who did not answer; the exit code is 1 then."""
        if json:
            print_json(document)
        else:
            out().print(shown)
        for service, error in self.troubles.items():
            report(error, f"{service} at {address_of(service)}")
        if self.troubles:
            raise typer.Exit(1)


async def of_each(
    services: list[Service], ask: Callable[[OperationsClient], Awaitable[T]], operator: str | None = None
) -> Answers[T]:
    """Ask every service at once, all three where none is named; what one fails with keeps none silent.

    With an ``operator``, who may be whoever is logged in, something is done there.
    """
    asked = services or list(Service)
    found = await asyncio.gather(*(_settled(service, ask, operator) for service in asked))
    answers: Answers[T] = Answers({}, {})
    for service, answer in zip(asked, found, strict=True):
        if isinstance(answer, CallError):
            answers.troubles[service] = answer
        else:
            answers.of[service] = answer
    return answers


async def of_one(service: Service, ask: Callable[[OperationsClient], Awaitable[T]]) -> T:
    """Ask one service what it knows, for which nobody has to give a name."""
    async with open_operations(address_of(service), tls=tls()) as client:
        return await ask(client)


async def act_at(service: Service, operator: str, act: Callable[[OperationsClient], Awaitable[T]]) -> T:
    """Do something at one service in the name of an operator, or of whoever is logged in."""
    async with open_operations(address_of(service), who(operator), tls=tls()) as client:
        return await act(client)


def who(operator: str) -> str:
    """Return who does something: an operator who is named, or whoever is logged in."""
    if operator:
        return operator
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry in its passwd
        wanted = "must say who does it, as --operator or CAIRN_OPERATOR: this user has no login name"
        raise typer.BadParameter(wanted) from None


async def act_at_owner(
    service: Service | None, name: str, operator: str, act: Callable[[OperationsClient], Awaitable[T]]
) -> T:
    """Do something at the service whose consumer is in a name, unless it is said which one."""
    return await act_at(service or await owner_of(name), operator, act)


async def owner_of(name: str) -> Service:
    """Return the service whose consumer is in a name; raises CallError where none that answers has it."""
    found = _consumer.search(name)
    if found is None:
        raise typer.BadParameter("must name its consumer, as consumers/…")
    answers = await of_each([], OperationsClient.consumers)
    for service, consumers in answers.of.items():
        if any(each.name == found[0] for each in consumers):
            return service
    if answers.troubles:
        silent = ", ".join(answers.troubles)
        raise UnavailableError(f"no service that answers has {found[0]}, and {silent} cannot be asked")
    raise NotFoundError(f"no service has {found[0]}")


async def _settled(
    service: Service, ask: Callable[[OperationsClient], Awaitable[T]], operator: str | None
) -> T | CallError:
    try:
        return await (of_one(service, ask) if operator is None else act_at(service, operator, ask))
    except CallError as error:
        return error
