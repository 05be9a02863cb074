# SPDX-License-Identifier: Apache-2.0
"""``cairn sources``: the credentials by which platforms publish over HTTP."""

import asyncio
from typing import Annotated

import typer

from cairn.assessment.v1.source_credential_pb2 import SourceCredential
from cairn.assessment.v1.source_service_pb2 import IssueCredentialResponse
from cairn.cli.options import ASSESSMENT, AssessmentAddress, Json, Tenant
from cairn.cli.output import as_json, err, out, print_json, table
from cairn.cli.services import Operator, who
from cairn.cli.tls import tls
from cairn.cli.topics import source_name
from cairn.client.sources import open_sources

app = typer.Typer(help="Platforms, and by what they are known at the HTTP door.", no_args_is_help=True)

Source = Annotated[str, typer.Argument(parser=source_name, help="The platform's name.")]
Credential = Annotated[str, typer.Argument(help="The credential, by its id.")]


@app.command()
def issue(
    source: Source, tenant: Tenant, address: AssessmentAddress = ASSESSMENT, operator: Operator = ""
) -> None:
    """Issue a further credential and print its secret, which is not kept."""
    answer = asyncio.run(_issue(address, tenant, who(operator), source))
    err().print(f"credential {_id(answer.credential)}; its secret is told here, and never again")
    typer.echo(answer.secret)


@app.command()
def revoke(
    source: Source,
    credential: Credential,
    tenant: Tenant,
    address: AssessmentAddress = ASSESSMENT,
    operator: Operator = "",
) -> None:
    """End a credential for good."""
    asyncio.run(_revoke(address, tenant, who(operator), source, credential))
    out().print("revoked")


@app.command()
def credentials(
    source: Source, tenant: Tenant, address: AssessmentAddress = ASSESSMENT, json: Json = False
) -> None:
    """List the credentials of a platform, the latest first."""
    found = asyncio.run(_credentials(address, tenant, source))
    if json:
        print_json([as_json(each) for each in found])
        return
    rows = [
        (
            _id(each),
            each.issue_time.ToJsonString(),
            each.revoke_time.ToJsonString() if each.HasField("revoke_time") else "",
        )
        for each in found
    ]
    out().print(table("", ("Credential", "Issued", "Revoked"), rows))


def _id(credential: SourceCredential) -> str:
    return credential.name.rpartition("/")[2]


async def _issue(address: str, tenant: str, operator: str, source: str) -> IssueCredentialResponse:
    async with open_sources(address, tenant, operator, tls=tls()) as client:
        return await client.issue(source)


async def _revoke(address: str, tenant: str, operator: str, source: str, credential: str) -> None:
    async with open_sources(address, tenant, operator, tls=tls()) as client:
        await client.revoke(source, credential)


async def _credentials(address: str, tenant: str, source: str) -> list[SourceCredential]:
    async with open_sources(address, tenant, tls=tls()) as client:
        return [each async for each in client.credentials(source)]
