# SPDX-License-Identifier: Apache-2.0
"""``cairn actions``: what operators did, to what, and when."""

import asyncio

from cairn.cli.options import Json, Tenant
from cairn.cli.output import as_json, table, word
from cairn.cli.services import Services, of_each
from cairn.client.operations import OperationsClient
from cairn.operations.v1.operator_action_pb2 import OperatorAction, OperatorActionKind


def actions(tenant: Tenant, service: Services = [], json: Json = False) -> None:  # noqa: B006 - typer's way
    """List what operators did to consumers and to what is the institution's, the latest first."""

    async def ask(client: OperationsClient) -> list[OperatorAction]:
        return [each async for each in client.actions(tenant)]

    found = asyncio.run(of_each(service, ask))
    rows = [(owner, action) for owner, done in found.of.items() for action in done]
    cells = [
        (
            owner,
            action.act_time.ToJsonString(),
            action.operator,
            word(OperatorActionKind.Name(action.kind), "OPERATOR_ACTION_KIND_"),
            action.subject,
        )
        for owner, action in rows
    ]
    document = [{"service": owner, **as_json(action)} for owner, action in rows]
    found.show(json, document, table("", ("Service", "When", "Who", "What", "To what"), cells))
