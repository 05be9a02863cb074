# SPDX-License-Identifier: Apache-2.0
"""``cairn parked`` and ``cairn dlq``: what waits of whom and why, and what is to become of it."""

import asyncio
from operator import methodcaller
from typing import Annotated, TypeAlias

import typer

from cairn.cli.options import Json, Tenant
from cairn.cli.output import as_json, out, print_json, table, word
from cairn.cli.services import (
    Answers,
    OneService,
    Operator,
    Services,
    act_at,
    act_at_owner,
    of_each,
    of_one,
    owner_of,
)
from cairn.client.errors import NotFoundError, UnavailableError
from cairn.client.operations import OperationsClient
from cairn.ids import OPERATOR
from cairn.operations.v1.dead_letter_pb2 import DeadLetter
from cairn.operations.v1.operations_service_pb2 import Replay
from cairn.operations.v1.waiting_record_pb2 import WaitingRecord, WaitingState

app = typer.Typer(help="Dead letters: records that could not be folded.", no_args_is_help=True)

Name = Annotated[
    str,
    typer.Argument(help="institutions/…/consumers/…, as `cairn dlq list` tells it."),
]
Listed: TypeAlias = WaitingRecord | DeadLetter
WAIT_SECONDS = 30.0
Wait = Annotated[float, typer.Option(min=0.0, help="For how many seconds to wait until it is carried out.")]
_OURS = "org.cairn."
_COLUMNS = ("Service", "Record", "About", "State", "Reason", "Field", "From")


def parked(tenant: Tenant, service: Services = [], json: Json = False) -> None:  # noqa: B006 - typer's way
    """List everything that waits, in the order in which it will be folded."""

    async def ask(client: OperationsClient) -> list[Listed]:
        return [each async for each in client.waiting(tenant)]

    _show(asyncio.run(of_each(service, ask)), json)


@app.command("list")
def list_(tenant: Tenant, service: Services = [], json: Json = False) -> None:  # noqa: B006 - typer's way
    """List each learner's first waiting record, and the dead letters behind which nothing waits.

    Of those that do not say whose they are, each institution's operator sees all.
    """

    async def ask(client: OperationsClient) -> list[Listed]:
        first = [each async for each in client.waiting(tenant, first_only=True)]
        letters = [each async for each in client.dead_letters(tenant)]
        return [*first, *letters, *[each async for each in client.dead_letters(OPERATOR)]]

    _show(asyncio.run(of_each(service, ask)), json)


@app.command()
def show(name: Name, service: OneService = None, json: Json = False) -> None:
    """Show a dead letter, or a waiting record and what waits behind it."""

    async def ask(client: OperationsClient) -> list[Listed]:
        if _is_letter(name):
            return [await client.dead_letter(name)]
        _, tenant, _, consumer, _, learner, *_ = [*name.split("/"), *[""] * 6]
        return [each async for each in client.waiting(tenant, consumer, learner)]

    owner = service or asyncio.run(owner_of(name))
    _show(Answers({owner: asyncio.run(of_one(owner, ask))}, {}), json)


@app.command()
def replay(
    name: Name,
    service: OneService = None,
    operator: Operator = "",
    wait: Wait = WAIT_SECONDS,
    json: Json = False,
) -> None:
    """Fold a learner's first waiting record, and those behind it as far as they go.

    A dead letter whose bytes intake keeps is taken in, as if it came now; any other can only be published
    again, mended, and then be discarded here.
    """

    async def ask(client: OperationsClient) -> Replay:
        return await client.carried_out(await ask_replay(client, name), wait)

    _tell(asyncio.run(act_at_owner(service, name, operator, ask)), json, alone=_is_letter(name))


@app.command()
def discard(
    name: Name,
    service: OneService = None,
    operator: Operator = "",
    wait: Wait = WAIT_SECONDS,
    json: Json = False,
) -> None:
    """Pass a learner's first waiting record over for good, and fold those behind it.

    Says which change that was. Where the record does not say so, the next one of the same thing waits for it:
    publish it again, mended, or discard that one as well, which is lost then.

    A dead letter behind which nothing waits is not listed any more.
    """
    if _is_letter(name):
        owner = service or asyncio.run(owner_of(name))
        letter = asyncio.run(act_at(owner, operator, methodcaller("discard_dead_letter", name)))
        _show(Answers({owner: [letter]}, {}), json)
        return

    async def ask(client: OperationsClient) -> Replay:
        return await client.carried_out(await client.discard(name), wait)

    _tell(asyncio.run(act_at_owner(service, name, operator, ask)), json)


@app.command()
def request(
    name: Annotated[str, typer.Argument(help="institutions/…/replays/…, as a replay or a discard told it.")],
    service: Services = [],  # noqa: B006 - typer's way
    wait: Wait = 0.0,
    json: Json = False,
) -> None:
    """Say what became of a replay or a discard that was asked for."""

    async def ask(client: OperationsClient) -> Replay:
        return await client.carried_out(await client.find_replay(name), wait)

    found = asyncio.run(of_each(service, ask))
    for answer in found.of.values():
        _tell(answer, json)
        return
    silent = [each for each, error in found.troubles.items() if not isinstance(error, NotFoundError)]
    if silent:
        raise UnavailableError(f"no service that answers has it, and {', '.join(silent)} cannot be asked")
    raise NotFoundError("no service has such a request")


def _show(found: Answers[list[Listed]], json: bool) -> None:
    rows = [(service, record) for service, records in found.of.items() for record in records]
    cells = [
        (
            service,
            record.name,
            _about(record),
            _state(record),
            record.reason,
            record.field,
            f"{record.topic}[{record.partition}] {record.offset}",
        )
        for service, record in rows
    ]
    document = [{"service": service, **as_json(record)} for service, record in rows]
    found.show(json, document, table("", _COLUMNS, cells))


async def ask_replay(client: OperationsClient, name: str) -> Replay:
    """Ask for a waiting record, or for a dead letter, by its name."""
    return await (client.replay_dead_letter(name) if _is_letter(name) else client.replay(name))


def _is_letter(name: str) -> bool:
    return "/deadLetters/" in name


def _about(record: Listed) -> str:
    """Return what a record is about; intake's dead letters are sealed, and others say nothing of it."""
    if isinstance(record, DeadLetter):
        return ""
    about = record.event_type.removeprefix(_OURS)
    return f"{about}: {record.subject}, revision {record.revision}" if record.subject else about


def _state(record: Listed) -> str:
    if isinstance(record, WaitingRecord):
        return word(WaitingState.Name(record.state), "WAITING_STATE_")
    if record.HasField("replay_time"):
        return "replayed"
    return "discarded" if record.HasField("discard_time") else "dead lettered"


def _behind(answer: Replay) -> str:
    followed = f", and {answer.followed} behind it no longer waiting"
    if not answer.skipped_subject:
        return followed
    return f"{followed}; revision {answer.skipped_revision} of {answer.skipped_subject} is passed over"


def _tell(answer: Replay, json: bool, *, alone: bool = False) -> None:
    """Say what became of a request; the exit code is 1 where the record waits still."""
    if json:
        print_json(as_json(answer))
    elif not answer.done:
        told = f"asked for; no consumer has carried it out yet: `cairn dlq request {answer.name}`"
        out().print(f"{told} says what becomes of it", soft_wrap=True)
    else:
        told = answer.outcome.replace("_", " ") + ("" if alone else _behind(answer))
        out().print(told, soft_wrap=True, markup=False)
    if waits_still(answer):
        raise typer.Exit(1)


def waits_still(answer: Replay) -> bool:
    """Tell whether what was asked about waits still, or nobody knows."""
    return not answer.done or answer.outcome in {"stays", "gone", "failed"}
