# SPDX-License-Identifier: Apache-2.0
"""``cairn disclosures``: what was told of a learner, when and to whom."""

import asyncio
from collections.abc import Iterator, Mapping

from cairn.cli.options import RECORDS, Json, RecordsAddress, Tenant
from cairn.cli.output import as_json, out, print_json, table
from cairn.cli.record import LearnerArgument
from cairn.cli.tls import tls
from cairn.client.records import open_records
from cairn.records.v1.disclosure_pb2 import Disclosure


def disclosures(
    learner: LearnerArgument, tenant: Tenant, address: RecordsAddress = RECORDS, json: Json = False
) -> None:
    """List what was told of a learner and to whom, the latest first."""
    found = asyncio.run(_disclosures(address, tenant, learner))
    if json:
        print_json([as_json(each) for each in found])
        return
    rows = [
        (
            each.disclose_time.ToJsonString(),
            each.recipient,
            "\n".join(_right(each)),
            each.method if each.of_learner_alone else f"{each.method}, of all learners",
            _written(each.told),
            each.name.rpartition("/")[2],
        )
        for each in found
    ]
    out().print(table("", ("When", "To whom", "Under which right", "Asked by", "Told", "Disclosure"), rows))


async def _disclosures(address: str, tenant: str, learner: str) -> list[Disclosure]:
    async with open_records(address, tenant, tls=tls()) as client:
        return [each async for each in client.disclosures(learner)]


def _right(disclosure: Disclosure) -> Iterator[str]:
    yield disclosure.legal_basis
    if disclosure.sharing_basis:
        yield disclosure.sharing_basis.rpartition("/")[2]
    if disclosure.purpose:
        yield f"for {disclosure.purpose}"


def _written(detail: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(detail.items()))
