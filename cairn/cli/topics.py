# SPDX-License-Identifier: Apache-2.0
"""``cairn topics``: plan and make the topics on a broker."""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, assert_never

import typer
from aiokafka.errors import KafkaError

from cairn.cli.brokers import brokers
from cairn.cli.options import BROKERS, BootstrapServers, Json
from cairn.cli.output import err, out, print_json, table
from cairn.topics import apply as topics
from cairn.topics.catalogue import DEFAULT_PARTITIONS, ingest_topic
from cairn.topics.plan import Alter, Create, Plan, Refuse, Step

app = typer.Typer(help="The topics on a Kafka broker.", no_args_is_help=True)


def source_name(name: str) -> str:
    """Refuse what cannot be part of a topic's name."""
    try:
        ingest_topic(name)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return name


Sources = Annotated[
    list[str],
    typer.Option("--source", parser=source_name, help="A platform with an ingest topic; may be repeated."),
]
Partitions = Annotated[
    int, typer.Option(min=1, max=10_000, help="Partitions of a new topic; fixed once it is made.")
]


@app.command()
def plan(
    source: Sources = [],  # noqa: B006 - typer wants the default in place and never changes it
    partitions: Partitions = DEFAULT_PARTITIONS,
    bootstrap_servers: BootstrapServers = BROKERS,
    json: Json = False,
) -> None:
    """Show what would be done; change nothing. The exit code is 1 when a topic stands in the way."""
    planned = _run(topics.plan(brokers(bootstrap_servers), source, partitions))
    _show(planned, json, "to do")
    if planned.refusals:
        raise typer.Exit(1)


@app.command()
def apply(
    source: Sources = [],  # noqa: B006 - typer wants the default in place and never changes it
    partitions: Partitions = DEFAULT_PARTITIONS,
    bootstrap_servers: BootstrapServers = BROKERS,
    json: Json = False,
) -> None:
    """Make the topics; do nothing at all when one of them stands in the way."""
    try:
        with err().status("waiting for the leaders of all partitions"):
            done = _run(topics.apply(brokers(bootstrap_servers), source, partitions))
    except topics.TopicsRefusedError as error:
        _show(error.plan, json, "refused")
        raise typer.Exit(1) from None
    _show(done, json, "done")


def _run(work: Coroutine[Any, Any, Plan]) -> Plan:
    try:
        return asyncio.run(work)
    except (KafkaError, TimeoutError) as error:
        err().print(f"[red]error:[/] the broker did not do it ({type(error).__name__})")
        raise typer.Exit(1) from None


def _show(plan_: Plan, json: bool, state: str) -> None:
    rows = [(step.topic, *_words(step)) for step in plan_.steps]
    if json:
        print_json([{"topic": topic, "step": step, "detail": detail} for topic, step, detail in rows])
    elif rows:
        out().print(table(f"Topics {state}", ("Topic", "Step", "Detail"), rows))
    else:
        out().print("Every topic is as it should be.")


def _words(step: Step) -> tuple[str, str]:
    match step:
        case Create(_topic, partitions, config):
            settings = ", ".join(f"{name}={value}" for name, value in config.items())
            return "create", f"{partitions} partitions, {settings}"
        case Alter(_topic, changes, _config):
            return "alter", ", ".join(f"{name}: {old} → {new}" for name, (old, new) in changes.items())
        case Refuse(_topic, reason):
            return "refuse", reason
        case _:
            assert_never(step)
