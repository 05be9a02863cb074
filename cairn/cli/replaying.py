# SPDX-License-Identifier: Apache-2.0
"""``cairn dlq replay-all``: all that waits or was put aside is folded, once its cause is mended."""

import asyncio
import time
from collections import Counter
from typing import Annotated

import typer

from cairn.cli.options import Json, Tenant
from cairn.cli.output import as_json, table
from cairn.cli.services import Operator, Service, Services, of_each
from cairn.cli.waiting import WAIT_SECONDS, Listed, Wait, ask_replay, waits_still
from cairn.client.errors import RefusedError
from cairn.client.operations import OperationsClient
from cairn.operations.v1.operations_service_pb2 import Replay

Reason = Annotated[
    str, typer.Option(help="Only of those that wait for this reason, as `cairn dlq list` tells it.")
]
Consumer = Annotated[str, typer.Option(help="Only of this consumer, as `cairn consumers list` names it.")]


def replay_all(
    tenant: Tenant,
    reason: Reason = "",
    consumer: Consumer = "-",
    service: Services = [],  # noqa: B006 - typer's way
    operator: Operator = "",
    wait: Wait = WAIT_SECONDS,
    json: Json = False,
) -> None:
    """Fold every learner's first waiting record, and those behind it as far as they go.

    Dead letters whose bytes intake keeps are taken in, as if they came now.
    """
    deadline = time.monotonic() + wait

    async def act(client: OperationsClient) -> list[Replay]:
        found: list[Listed] = [each async for each in client.waiting(tenant, consumer, first_only=True)]
        found += [each async for each in client.dead_letters(tenant, consumer) if each.payload]
        asked = [await _asked(client, each.name) for each in found if reason in {"", each.reason}]
        return [
            await client.carried_out(each, deadline - time.monotonic()) for each in asked if each is not None
        ]

    found = asyncio.run(of_each(service, act, operator))
    replays = [(owner, replay) for owner, ones in found.of.items() for replay in ones]
    document = [{"service": owner, **as_json(replay)} for owner, replay in replays]
    found.show(json, document, table("", ("Service", "Outcome", "Records", "Behind them"), _rows(replays)))
    if any(waits_still(replay) for _, replay in replays):
        raise typer.Exit(1)


async def _asked(client: OperationsClient, name: str) -> Replay | None:
    """Ask for a record; None where it waits no more, or behind another one, by now."""
    try:
        return await ask_replay(client, name)
    except RefusedError:
        return None


def _rows(replays: list[tuple[Service, Replay]]) -> list[tuple[str, ...]]:
    records: Counter[tuple[str, str]] = Counter()
    behind: Counter[tuple[str, str]] = Counter()
    for owner, replay in replays:
        key = owner, replay.outcome.replace("_", " ") if replay.done else "not carried out yet"
        records[key] += 1
        behind[key] += replay.followed
    return [(*key, f"{records[key]:,}", f"{behind[key]:,}") for key in sorted(records)]
