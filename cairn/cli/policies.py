# SPDX-License-Identifier: Apache-2.0
"""``cairn policies``: publish and list mastery policies."""

import asyncio

import typer

from cairn.assessment.v1.policy_pb2 import Policy
from cairn.assessment.v1.policy_service_pb2 import PublishPoliciesResponse
from cairn.cli.documents import Paths, in_files, read_documents
from cairn.cli.options import ASSESSMENT, AssessmentAddress, Json, Tenant
from cairn.cli.output import as_json, day, out, print_json, table
from cairn.cli.services import Operator, who
from cairn.cli.tls import tls
from cairn.client.errors import CallError
from cairn.client.policies import open_policies

app = typer.Typer(help="Mastery policies: when results demonstrate a competency.", no_args_is_help=True)


@app.command()
def apply(
    paths: Paths,
    tenant: Tenant,
    address: AssessmentAddress = ASSESSMENT,
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
        (
            each.policy.policy_id,
            str(each.policy.version),
            each.policy.hash[:16],
            _state(each.already_published),
        )
        for each in answer.policies
    ]
    out().print(table(f"Epoch {answer.epoch}", ("Policy", "Version", "Hash", ""), rows))


@app.command("list")
def list_(tenant: Tenant, address: AssessmentAddress = ASSESSMENT, json: Json = False) -> None:
    """List every published version."""
    policies = asyncio.run(_published(address, tenant))
    if json:
        print_json([as_json(policy) for policy in policies])
        return
    rows = [
        (
            each.policy_id,
            str(each.version),
            each.hash[:16],
            str(each.epoch),
            day(each.effective_from),
            each.title,
        )
        for each in policies
    ]
    out().print(table("", ("Policy", "Version", "Hash", "Epoch", "From", "Title"), rows))


async def _publish(
    address: str, tenant: str, operator: str, documents: dict[str, str]
) -> PublishPoliciesResponse:
    async with open_policies(address, tenant, operator, tls=tls()) as client:
        return await client.publish(documents)


async def _published(address: str, tenant: str) -> list[Policy]:
    async with open_policies(address, tenant, tls=tls()) as client:
        return [policy async for policy in client.published()]


def _state(already_published: bool) -> str:
    return "stands already" if already_published else "published"
