# SPDX-License-Identifier: Apache-2.0
"""``cairn doctor``: looks at everything that Cairn needs, and says what is not right and what to do."""

import asyncio
from collections.abc import Iterable, Sequence

import typer

from cairn.brokers import Bootstrap
from cairn.cli.brokers import brokers
from cairn.cli.kafka_findings import kafka_findings
from cairn.cli.options import BROKERS, BootstrapServers, Json
from cairn.cli.output import out, print_json, table
from cairn.cli.service_findings import Checked, Level, look, service_findings
from cairn.cli.services import Service, Services, address_of, of_each

_ADVICE = "is it up, and is its CAIRN_..._ADDRESS right? A setting that will not do is named in its log"
_WORST_FIRST = (Level.ERROR, Level.WARNING, Level.FINE)


def doctor(
    service: Services = [],  # noqa: B006 - typer's way
    bootstrap_servers: BootstrapServers = BROKERS,
    json: Json = False,
) -> None:
    """Look at services, databases, brokers, topics, consumers and certificates; advise on each trouble.

    The exit code is 1 where anything is in error, and 0 where there are warnings alone.
    """
    found = asyncio.run(_all(service, brokers(bootstrap_servers)))
    if json:
        print_json([each.document for each in found])
    else:
        _show(found)
    if any(each.level is Level.ERROR for each in found):
        raise typer.Exit(1)


async def _all(services: list[Service], bootstrap: Bootstrap) -> Sequence[Checked]:
    answers = await of_each(services, look)
    found = [each for service, seen in answers.of.items() for each in service_findings(service, seen)]
    for service, error in answers.troubles.items():
        told = f"{address_of(service)}: {error.message}"
        found.append(Checked(service, "service", Level.ERROR, told, _ADVICE))
    consumers = [one for seen in answers.of.values() for one in seen.consumers]
    return [*found, *await kafka_findings(bootstrap, consumers)]


def _show(found: Iterable[Checked]) -> None:
    rows = [
        (each.where, each.subject, each.level.value, each.found, each.advice)
        for each in sorted(found, key=lambda each: _WORST_FIRST.index(each.level))
    ]
    out().print(table("", ("Where", "What", "", "Found", "Advice"), rows))
