# SPDX-License-Identifier: Apache-2.0
"""``cairn rules``: publish and list rules."""

import asyncio

import typer

from cairn.cli.documents import Paths, in_files, read_documents
from cairn.cli.options import RECOGNITION, Json, RecognitionAddress, Tenant
from cairn.cli.output import as_json, day, out, print_json, table
from cairn.cli.services import Operator, who
from cairn.cli.tls import tls
from cairn.client.errors import CallError
from cairn.client.rules import open_rules
from cairn.recognition.v1.rule_pb2 import Rule
from cairn.recognition.v1.rule_service_pb2 import PublishRulesResponse

app = typer.Typer(help="Rules: what facts earn.", no_args_is_help=True)


@app.command()
def apply(
    paths: Paths,
    tenant: Tenant,
    address: RecognitionAddress = RECOGNITION,
    operator: Operator = "",
    json: Json = False,
) -> None:
    """Publish documents, all of them or none; what is published already is left as it is."""
    documents = read_documents(paths)
    try:
        answer = asyncio.run(_publish(address, tenant, who(operator), documents))
    except CallError as error:
        raise in_files(error, list(documents)) from None
    if json:
        print_json(as_json(answer))
        return
    rows = [
        (each.rule.rule_id, str(each.rule.version), each.rule.hash[:16], _state(each.already_published))
        for each in answer.rules
    ]
    out().print(table(f"Epoch {answer.epoch}", ("Rule", "Version", "Hash", ""), rows))


@app.command("list")
def list_(tenant: Tenant, address: RecognitionAddress = RECOGNITION, json: Json = False) -> None:
    """List every published version."""
    rules = asyncio.run(_published(address, tenant))
    if json:
        print_json([as_json(rule) for rule in rules])
        return
    rows = [
        (
            each.rule_id,
            str(each.version),
            each.hash[:16],
            str(each.epoch),
            day(each.effective_from),
            each.title,
        )
        for each in rules
    ]
    out().print(table("", ("Rule", "Version", "Hash", "Epoch", "From", "Title"), rows))


async def _publish(
    address: str, tenant: str, operator: str, documents: dict[str, str]
) -> PublishRulesResponse:
    async with open_rules(address, tenant, operator, tls=tls()) as client:
        return await client.publish(documents)


async def _published(address: str, tenant: str) -> list[Rule]:
    async with open_rules(address, tenant, tls=tls()) as client:
        return [rule async for rule in client.published()]


def _state(already_published: bool) -> str:
    return "stands already" if already_published else "published"
