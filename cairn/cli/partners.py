# SPDX-License-Identifier: Apache-2.0
"""``cairn partners``: publish and list who may ask for an institution's record."""

import asyncio

import typer

from cairn.cli.documents import Paths, in_files, read_documents
from cairn.cli.options import RECORDS, Json, RecordsAddress, Tenant
from cairn.cli.output import as_json, out, print_json, table
from cairn.cli.services import Operator, who
from cairn.cli.tls import tls
from cairn.client.errors import CallError
from cairn.client.partners import open_partners
from cairn.records.v1.partner_pb2 import Partner
from cairn.records.v1.partner_service_pb2 import PublishPartnersResponse

app = typer.Typer(help="Partners: who may ask for the record.", no_args_is_help=True)


@app.command()
def apply(
    paths: Paths,
    tenant: Tenant,
    address: RecordsAddress = RECORDS,
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
        (*_row(each.partner), "stands already" if each.already_published else "published")
        for each in answer.partners
    ]
    out().print(table("", ("Partner", "Version", "Name", "Calls", ""), rows))


@app.command("list")
def list_(tenant: Tenant, address: RecordsAddress = RECORDS, json: Json = False) -> None:
    """List the newest version of each partner."""
    partners = asyncio.run(_partners(address, tenant))
    if json:
        print_json([as_json(partner) for partner in partners])
        return
    rows = [(*_row(each), "\n".join(each.identities)) for each in partners]
    out().print(table("", ("Partner", "Version", "Name", "Calls", "Identities"), rows))


def _row(partner: Partner) -> tuple[str, str, str, str]:
    calls = "reads its own record" if partner.own else "is told under sharing bases"
    calls = "withdrawn" if partner.withdrawn else calls
    return partner.partner_id, str(partner.version), partner.title, calls


async def _publish(
    address: str, tenant: str, operator: str, documents: dict[str, str]
) -> PublishPartnersResponse:
    async with open_partners(address, tenant, operator, tls=tls()) as client:
        return await client.publish(documents)


async def _partners(address: str, tenant: str) -> list[Partner]:
    async with open_partners(address, tenant, tls=tls()) as client:
        return [partner async for partner in client.partners()]
