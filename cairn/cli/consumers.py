# SPDX-License-Identifier: Apache-2.0
"""``cairn counts``, ``cairn lag``, ``cairn consumers``: how every record ended, and what is not done yet."""

import asyncio
from collections.abc import Iterable, Sequence
from operator import methodcaller
from typing import Annotated

import typer
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from rich.console import Group

from cairn.cli.brokers import brokers
from cairn.cli.options import BROKERS, BootstrapServers, Json
from cairn.cli.output import as_json, err, out, print_json, table
from cairn.cli.services import OneService, Operator, Service, Services, act_at_owner, of_each, short_name
from cairn.client.operations import OperationsClient
from cairn.operations.v1.consumer_pb2 import Consumer, Loss, PartitionProgress
from cairn.operations.v1.operations_service_pb2 import Outbox
from cairn.topics.last_records import ends_of_data

app = typer.Typer(help="The consumers of the services.", no_args_is_help=True)

_COUNTS = ("applied", "duplicate", "ignored", "parked", "dead_lettered")
Found = dict[Service, Sequence[Consumer]]


def counts(service: Services = [], json: Json = False) -> None:  # noqa: B006 - typer's way
    """Count how the records of every consumer and topic ended; each ended in exactly one way."""
    found = asyncio.run(of_each(service, OperationsClient.consumers))
    rows = [
        (owner, short_name(consumer), topic, [sum(getattr(each, name) for each in of) for name in _COUNTS])
        for owner, consumer, topic, of in _topics(found.of)
    ]
    document = [
        {"service": owner, "consumer": name, "topic": topic, **dict(zip(_COUNTS, ended, strict=True))}
        for owner, name, topic, ended in rows
    ]
    columns = ("Service", "Consumer", "Topic", *(name.replace("_", " ").capitalize() for name in _COUNTS))
    cells = [(owner, name, topic, *(f"{count:,}" for count in ended)) for owner, name, topic, ended in rows]
    found.show(json, document, table("", columns, cells))


def lag(
    service: Services = [],  # noqa: B006 - typer's way
    bootstrap_servers: BootstrapServers = BROKERS,
    json: Json = False,
) -> None:
    """Say how far each consumer is from the last record, and what each service has yet to publish."""
    found = asyncio.run(of_each(service, _progress_and_outbox))
    topics = [*_topics({owner: consumers for owner, (consumers, _) in found.of.items()})]
    try:
        ends = asyncio.run(
            ends_of_data(brokers(bootstrap_servers), _least(each for *_, of in topics for each in of))
        )
    except KafkaError as error:
        err().print(f"[red]error:[/] the broker cannot be asked ({type(error).__name__})")
        raise typer.Exit(1) from None
    rows = [
        (owner, short_name(consumer), topic, _behind(of, ends), consumer.HasField("halt_time"))
        for owner, consumer, topic, of in topics
    ]
    names = ("service", "consumer", "topic", "lag", "halted")
    document = {
        "consumers": [dict(zip(names, row, strict=True)) for row in rows],
        "outboxes": [{"service": owner, **as_json(outbox)} for owner, (_, outbox) in found.of.items()],
    }
    cells = [(*row[:3], f"{row[3]:,}", "halted" if row[4] else "") for row in rows]
    waiting = [(owner, f"{outbox.waiting:,}", _since(outbox)) for owner, (_, outbox) in found.of.items()]
    lags = table("", ("Service", "Consumer", "Topic", "Lag", ""), cells)
    found.show(json, document, Group(lags, "", table("", ("Service", "Yet to publish", "Since"), waiting)))


@app.command("list")
def list_(service: Services = [], json: Json = False) -> None:  # noqa: B006 - typer's way
    """List the consumers with their progress in every partition, and since when one is halted."""
    found = asyncio.run(of_each(service, OperationsClient.consumers))
    ones = [(owner, one) for owner, consumers in found.of.items() for one in consumers]
    document = [{"service": owner, **as_json(one)} for owner, one in ones]
    cells = [(owner, short_name(one), str(len(one.partitions)), _halt(one)) for owner, one in ones]
    found.show(json, document, table("", ("Service", "Consumer", "Partitions", "Halted since"), cells))


@app.command()
def pause(
    consumer: Annotated[str, typer.Argument(help="The consumer, as `cairn consumers list` names it.")],
    service: OneService = None,
    operator: Operator = "",
    json: Json = False,
) -> None:
    """Have a consumer take nothing until it is resumed; what comes meanwhile waits in its topics."""
    name = f"consumers/{consumer}"
    paused = asyncio.run(act_at_owner(service, name, operator, methodcaller("pause_consumer", consumer)))
    _tell({"consumer": consumer, "paused": paused}, json, "paused" if paused else "it was halted before")


@app.command()
def resume(
    consumer: Annotated[str, typer.Argument(help="The consumer, as `cairn consumers list` names it.")],
    service: OneService = None,
    operator: Operator = "",
    json: Json = False,
) -> None:
    """Let a consumer go on that its breaker or an operator has halted; mend the cause first."""
    name = f"consumers/{consumer}"
    resumed = asyncio.run(act_at_owner(service, name, operator, methodcaller("resume", consumer)))
    _tell({"consumer": consumer, "resumed": resumed}, json, "resumed" if resumed else "it was not halted")


@app.command()
def losses(service: Services = [], json: Json = False) -> None:  # noqa: B006 - typer's way
    """List what consumers found missing in their logs; they take nothing of those topics before `accept`."""
    found = asyncio.run(of_each(service, OperationsClient.consumers))
    rows = [
        (owner, loss) for owner, consumers in found.of.items() for one in consumers for loss in one.losses
    ]
    document = [{"service": owner, **as_json(loss)} for owner, loss in rows]
    cells = [
        (owner, loss.name, loss.topic, _missing(loss), loss.notice_time.ToJsonString())
        for owner, loss in rows
    ]
    found.show(json, document, table("", ("Service", "Loss", "Topic", "Missing", "Noticed"), cells))


@app.command()
def accept(
    names: Annotated[
        list[str],
        typer.Argument(metavar="LOSS...", help="consumers/…/losses/…, as `cairn consumers losses` tells it."),
    ],
    service: OneService = None,
    operator: Operator = "",
) -> None:
    """Let a consumer go on without what is lost: behind the records, or at the start of the new topic."""
    if not asyncio.run(_accept(names, service, operator)):
        raise typer.Exit(1)


def _tell(document: dict[str, object], json: bool, said: str) -> None:
    """Say what was done; the exit code is 1 where nothing was."""
    if json:
        print_json(document)
    else:
        out().print(said)
    if False in document.values():
        raise typer.Exit(1)


async def _accept(names: Sequence[str], service: Service | None, operator: str) -> bool:
    """Accept each loss, and say of each what became of it before the next; tell whether all of them stood."""
    all_stood = True
    for name in names:
        stood = await act_at_owner(service, name, operator, methodcaller("accept", name))
        out().print(f"{name}: {'accepted' if stood else 'it does not stand any more'}", soft_wrap=True)
        all_stood &= stood
    return all_stood


async def _progress_and_outbox(client: OperationsClient) -> tuple[Sequence[Consumer], Outbox]:
    return await client.consumers(), await client.outbox()


def _since(outbox: Outbox) -> str:
    return outbox.oldest_time.ToJsonString() if outbox.HasField("oldest_time") else ""


def _topics(found: Found) -> Iterable[tuple[Service, Consumer, str, list[PartitionProgress]]]:
    for owner, consumers in found.items():
        for consumer in consumers:
            for topic in dict.fromkeys(each.topic for each in consumer.partitions):
                yield owner, consumer, topic, [each for each in consumer.partitions if each.topic == topic]


def _least(partitions: Iterable[PartitionProgress]) -> dict[TopicPartition, int]:
    """Return how far the slowest consumer of each partition is."""
    least: dict[TopicPartition, int] = {}
    for each in partitions:
        at = TopicPartition(each.topic, each.partition)
        least[at] = min(each.next_offset, least.get(at, each.next_offset))
    return least


def _behind(partitions: Iterable[PartitionProgress], ends: dict[TopicPartition, int]) -> int:
    return sum(
        max(0, ends.get(TopicPartition(each.topic, each.partition), 0) - each.next_offset)
        for each in partitions
    )


def _missing(loss: Loss) -> str:
    if loss.HasField("range"):
        lost = loss.range
        return f"[{lost.partition}] records {lost.first_offset} to {lost.last_offset}"
    return f"made again: {loss.stored_topic_id} is now {loss.found_topic_id}"


def _halt(consumer: Consumer) -> str:
    if not consumer.HasField("halt_time"):
        return ""
    by = f" by {consumer.pausing_operator}" if consumer.pausing_operator else ""
    return consumer.halt_time.ToJsonString() + by
