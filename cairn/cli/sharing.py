# SPDX-License-Identifier: Apache-2.0
"""``cairn sharing``: on what right other institutions are told of learners."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from cairn.cli.documents import Paths, in_files, read_documents
from cairn.cli.options import RECORDS, Json, RecordsAddress, Tenant, opaque
from cairn.cli.output import as_json, out, print_json, table, word
from cairn.cli.services import Operator, who
from cairn.cli.tls import tls
from cairn.client.errors import CallError
from cairn.client.sharing import open_sharing
from cairn.records.v1.sharing_basis_pb2 import SharedView, SharingBasis
from cairn.records.v1.sharing_service_pb2 import GrantSharingBasesResponse, RevokeSharingBasisResponse

app = typer.Typer(help="Sharing bases: what other institutions are told, and why.", no_args_is_help=True)

_COLUMNS = ("Basis", "Partner", "Purpose", "Right", "Learner", "Views", "Holds")
BasisArgument = Annotated[str, typer.Argument(help="The sharing basis, by its id.")]
Reason = Annotated[str, typer.Option(help="Why, for the record; without personal data.")]
LearnerOption = Annotated[
    str | None, typer.Option("--learner", callback=opaque, help="Only what says something of this learner.")
]


@app.command()
def grant(
    paths: Paths,
    tenant: Tenant,
    address: RecordsAddress = RECORDS,
    operator: Operator = "",
    json: Json = False,
) -> None:
    """Grant what documents say, all of them or none; what is granted already is left as it is."""
    documents = read_documents(paths)
    try:
        answer = asyncio.run(_grant(address, tenant, who(operator), documents))
    except CallError as error:
        raise in_files(error, list(documents)) from None
    if json:
        print_json(as_json(answer))
        return
    rows = [
        (*_row(each.sharing_basis), "stood already" if each.already_granted else "granted")
        for each in answer.sharing_bases
    ]
    out().print(table("", (*_COLUMNS, ""), rows))


@app.command()
def revoke(
    basis: BasisArgument,
    reason: Reason,
    tenant: Tenant,
    address: RecordsAddress = RECORDS,
    operator: Operator = "",
    json: Json = False,
) -> None:
    """End a sharing basis at once: what is not logged by then is not told under it."""
    answer = asyncio.run(_revoke(address, tenant, who(operator), (basis, reason)))
    if json:
        print_json(as_json(answer))
        return
    was = "was revoked already" if answer.already_revoked else "is revoked"
    out().print(f"{basis} {was}: {_holds(answer.sharing_basis)}", markup=False)


@app.command("list")
def list_(
    tenant: Tenant, learner: LearnerOption = None, address: RecordsAddress = RECORDS, json: Json = False
) -> None:
    """List sharing bases by id, those that ended as well."""
    bases = asyncio.run(_bases(address, tenant, learner))
    if json:
        print_json([as_json(basis) for basis in bases])
        return
    out().print(table("", _COLUMNS, [_row(basis) for basis in bases]))


def _row(basis: SharingBasis) -> tuple[str, ...]:
    views = ", ".join(word(SharedView.Name(each.view), "SHARED_VIEW_") for each in basis.views)
    learner = basis.learner.rpartition("/")[2] or "every one"
    basis_id = basis.name.rpartition("/")[2]
    return basis_id, basis.partner_id, basis.purpose, basis.legal_basis, learner, views, _holds(basis)


def _holds(basis: SharingBasis) -> str:
    if basis.HasField("revoke_time"):
        return f"revoked {basis.revoke_time.ToJsonString()}: {basis.revoke_reason}"
    now = datetime.now(UTC)
    if now < basis.start_time.ToDatetime(UTC):
        return f"from {basis.start_time.ToJsonString()}"
    if not basis.HasField("end_time"):
        return "until revoked"
    over = basis.end_time.ToDatetime(UTC) <= now
    return f"{'over since' if over else 'until'} {basis.end_time.ToJsonString()}"


async def _grant(
    address: str, tenant: str, operator: str, documents: dict[str, str]
) -> GrantSharingBasesResponse:
    async with open_sharing(address, tenant, operator, tls=tls()) as client:
        return await client.grant(documents)


async def _revoke(
    address: str, tenant: str, operator: str, what: tuple[str, str]
) -> RevokeSharingBasisResponse:
    async with open_sharing(address, tenant, operator, tls=tls()) as client:
        return await client.revoke(*what)


async def _bases(address: str, tenant: str, learner: str | None) -> list[SharingBasis]:
    async with open_sharing(address, tenant, tls=tls()) as client:
        return [basis async for basis in client.bases(learner=learner)]
