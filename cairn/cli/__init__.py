# SPDX-License-Identifier: Apache-2.0
"""The ``cairn`` command: one module for each group of commands."""

import logging
import sys

import typer

from cairn.cli import (
    actions,
    brokers,
    consumers,
    disclosures,
    doctor,
    door,
    partners,
    policies,
    record,
    replaying,
    results,
    rules,
    scans,
    sharing,
    sources,
    tls,
    topics,
    waiting,
)
from cairn.cli.output import report
from cairn.client.errors import CallError

app = typer.Typer(
    name="cairn",
    help=f"Publish results, policies and rules, and ask for the record that they lead to. {tls.HELP}"
    f" {brokers.HELP}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback's local variables may hold learner data
)
app.add_typer(topics.app, name="topics")
app.add_typer(policies.app, name="policies")
app.add_typer(rules.app, name="rules")
app.add_typer(partners.app, name="partners")
app.add_typer(sharing.app, name="sharing")
app.add_typer(results.app, name="results")
app.add_typer(sources.app, name="sources")
app.add_typer(record.app, name="record")
app.add_typer(consumers.app, name="consumers")
app.add_typer(waiting.app, name="dlq")
app.add_typer(scans.app, name="scans")
waiting.app.command()(replaying.replay_all)
app.command()(waiting.parked)
app.command()(consumers.counts)
app.command()(consumers.lag)
app.command()(consumers.pause)
app.command()(consumers.resume)
app.command()(actions.actions)
app.command()(doctor.doctor)
app.command()(door.door)
app.command()(disclosures.disclosures)


def main() -> None:
    """Run the command; what a service refuses is said in its words, with exit code 1."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it meets is raised, and told once
    try:
        app()
    except CallError as error:
        report(error)
        sys.exit(1)


__all__ = ["app", "main"]
