# SPDX-License-Identifier: Apache-2.0
"""Nothing is told to another institution but under a basis that is in force when it is logged."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from cairn.client.errors import CallError, NotFoundError
from cairn.client.partners import open_partners
from cairn.client.sharing import SharingClient, open_sharing
from cairn.ids import LearnerId, TenantId
from chassis.database import Pool, transaction
from chassis.errors import Retry
from chassis.operations.actions import latest
from chassis.operations.names import LATEST
from chassis.rpc.caller import Certified
from chassis.rpc.operators import OperatorsHere
from chassis.rpc.refusal import Refusal
from deploy.local.provision import Provisioned
from services.records.adapters.postgres_disclosures import PostgresDisclosures
from services.records.adapters.postgres_partners import PostgresPartners
from services.records.adapters.postgres_sharing import PostgresSharing
from services.records.app.authority import ByCertificate, PartnerReference, Permission
from services.records.app.bases import Bases
from services.records.app.disclosure import Disclosure, DisclosureLog
from services.records.app.names import Scope
from services.records.app.reading import Desk
from services.records.domain.sharing_basis import View
from tests.certificates import Authority

SOUTH = "spiffe://south.example/admissions"
AUTHORITY = Authority("south")
CALLER = Certified(AUTHORITY.client(SOUTH).certificate)
TODAY = datetime.now(UTC).date()
DAY = timedelta(days=1)
CONSENT = {"kind": "gdpr_consent", "given_on": str(TODAY - DAY), "evidence": "archive 17"}
BY_LAW = {"kind": "gdpr_public_task", "law": "an act"}


def document(basis: str = "b1", **changed: Any) -> str:
    values: dict[str, Any] = {"basis": basis, "partner": "south", "purpose": "admission", "learner": "l1"} | {
        "legal_basis": CONSENT,
        "views": {"learner_record": ["credits"], "entries": ["*"]},
        "first_day": str(TODAY - DAY),
        "last_day": str(TODAY + DAY),
        "time_zone": "UTC",
    }
    return json.dumps({key: value for key, value in (values | changed).items() if value is not None})


def of_all(basis: str, **changed: Any) -> str:
    return document(basis, learner=None, every_learner=True, legal_basis=BY_LAW, **changed)


@pytest.fixture
async def client(port: int, tenant: str) -> AsyncIterator[SharingClient]:
    address = f"127.0.0.1:{port}"
    async with open_partners(address, tenant, "anna") as partners:
        await partners.publish({"south.json": south(1), "own.json": south(1, partner="own", own=True)})
    async with open_sharing(address, tenant, "anna") as client:
        yield client


def south(version: int, partner: str = "south", **changed: Any) -> str:
    values: dict[str, Any] = {"partner": partner, "version": version, "name": partner.title()} | {
        "identities": [SOUTH if partner == "south" else f"spiffe://north/{partner}"],
        "authorities": AUTHORITY.pem.decode(),
    }
    return json.dumps(values | changed)


async def grant(client: SharingClient, *documents: str) -> list[tuple[str, bool]]:
    answer = await client.grant({f"{number}.json": text for number, text in enumerate(documents)})
    return [
        (each.sharing_basis.name.rpartition("/")[2], each.already_granted) for each in answer.sharing_bases
    ]


async def listed(client: SharingClient, learner: str | None = None) -> list[str]:
    return [each.name.rpartition("/")[2] async for each in client.bases(learner=learner)]


async def test_bases_are_granted_once_and_listed(client: SharingClient, serve: Pool, tenant: str) -> None:
    assert await grant(client, document("b2"), of_all("b1")) == [("b2", False), ("b1", False)]
    assert await grant(client, document("b3", learner="l2"), document("b2")) == [("b3", False), ("b2", True)]

    assert await listed(client) == ["b1", "b2", "b3"]
    assert await listed(client, "l2") == ["b1", "b3"]
    assert await listed(client, "l3") == ["b1"]
    b1, b2, _ = [each async for each in client.bases()]
    assert (b1.learner, b2.learner) == ("", f"institutions/{tenant}/learners/l1")
    assert json.loads(b2.document)["legal_basis"] == CONSENT
    assert b2.clause == "Regulation (EU) 2016/679, articles 6(1)(a) and 7(1)"
    assert {each.view: list(each.fields.paths) for each in b2.views} == {1: ["credits"], 3: ["*"]}
    async with transaction(serve, [TenantId(tenant)]) as connection:
        done = await latest(connection, LATEST, 3)
    assert [(each.operator, each.kind, each.subject.rpartition("/")[2]) for each in done] == [
        ("anna", "grant_sharing_basis", each) for each in ("b3", "b1", "b2")
    ]


async def test_a_revocation_stands_with_its_first_reason(
    client: SharingClient, serve: Pool, tenant: str
) -> None:
    await grant(client, document())

    first = await client.revoke("b1", "withdrawn by the learner")
    again = await client.revoke("b1", "another reason")

    assert (first.already_revoked, again.already_revoked) == (False, True)
    assert again.sharing_basis.revoke_reason == "withdrawn by the learner"
    assert again.sharing_basis.revoke_time == first.sharing_basis.revoke_time
    assert (again.sharing_basis.granter, again.sharing_basis.revoker) == ("anna", "anna")
    with pytest.raises(CallError) as raised:
        await grant(client, document())
    assert [each.field for each in raised.value.violations] == ["documents[0].basis"]
    async with transaction(serve, [TenantId(tenant)]) as connection:
        done = await latest(connection, LATEST, 2)
    assert [each.kind for each in done] == ["revoke_sharing_basis", "grant_sharing_basis"]


async def test_all_is_granted_or_nothing(client: SharingClient) -> None:
    await grant(client, document())
    with pytest.raises(CallError, match="granted with other content"):
        await grant(client, document("b2"), document(purpose="payment"))
    with pytest.raises(CallError) as raised:
        await grant(client, document("b2"), document("b3", partner="west"), document("b4", partner="own"))
    assert [each.field for each in raised.value.violations] == [
        "documents[1].partner",
        "documents[2].partner",
    ]
    with pytest.raises(NotFoundError):
        await client.revoke("b2", "none")
    with pytest.raises(CallError) as raised:
        await client.revoke("b1", " ")
    assert [each.field for each in raised.value.violations] == ["reason"]

    assert await listed(client) == ["b1"]


async def test_one_institution_knows_nothing_of_the_bases_of_another(
    client: SharingClient, port: int, tenant: str, serve: Pool
) -> None:
    await grant(client, document())
    async with open_sharing(f"127.0.0.1:{port}", f"{tenant}x", "anna") as other:
        assert await listed(other) == []
        with pytest.raises(NotFoundError):
            await other.revoke("b1", "not theirs")
    async with transaction(serve, [TenantId(f"{tenant}x")]) as connection:
        assert not await connection.fetch("select * from records.sharing_basis")


@dataclass(slots=True)
class Asking:
    """Asks for the record as the other institution, from the certificate to the committed log."""

    serve: Pool
    tenant: TenantId
    bases: Bases

    async def told(self, learner: str, purpose: str, method: str) -> tuple[UUID, Permission] | None:
        """Return the disclosure and the permission, if the call is answered."""
        async with transaction(self.serve, []) as connection:
            partners = await PostgresPartners().everywhere(connection)
        authority = ByCertificate(OperatorsHere(), lambda: partners, self.bases, lambda: datetime.now(UTC))
        desk = Desk(authority, DisclosureLog(PostgresDisclosures(self.serve)))
        name = f"institutions/{self.tenant}" + (f"/learners/{learner}" if learner else "")
        scope = Scope(self.tenant, LearnerId(learner) if learner else None)
        try:
            permission = await desk.authorise(CALLER, name, method, purpose)
            return await desk.disclose(permission, scope, asked={}, told={}), permission
        except (Refusal, Retry):
            return None


@pytest.fixture
def asking(serve: Pool, tenant: str) -> Asking:
    return Asking(serve, TenantId(tenant), Bases(PostgresSharing(serve, PostgresPartners())))


async def test_what_is_told_is_what_the_basis_says(client: SharingClient, asking: Asking) -> None:
    assert await asking.told("l1", "admission", "GetLearnerRecord") is None
    await grant(client, document(), of_all("b2", purpose="statistics"))

    answered = await asking.told("l1", "admission", "GetLearnerRecord")

    assert answered is not None
    _, permission = answered
    assert permission.sharing_basis == "b1"
    assert permission.partner == PartnerReference("south", 1)
    assert permission.fields == frozenset({("credits",)})
    assert (permission.legal_basis, permission.purpose) == ("gdpr_consent", "admission")
    for learner, purpose, method in (
        ("l1", "payment", "GetLearnerRecord"),
        ("l1", "", "GetLearnerRecord"),
        ("l1", "Admission", "GetLearnerRecord"),
        ("l1", "admission\x00", "GetLearnerRecord"),
        ("l2", "admission", "GetLearnerRecord"),
        ("l1", "admission", "GetEntry"),
        ("l1", "admission", "ListDisclosures"),
        ("", "admission", "ListEntries"),
        ("-", "admission", "ListEntries"),
        ("-", "statistics", "GetEntry"),
    ):
        assert await asking.told(learner, purpose, method) is None
    of_everyone = await asking.told("", "statistics", "ListEntries")
    assert of_everyone is not None
    assert of_everyone[1].sharing_basis == "b2"


@pytest.mark.parametrize("seed", range(6))
async def test_no_order_of_grants_and_revocations_tells_without_a_basis(
    client: SharingClient, asking: Asking, postgres: str, records: Provisioned, tenant: str, seed: int
) -> None:
    """Against a plain list of what is granted, with answers remembered as they are in a server."""
    chance = Random(seed)
    standing: dict[str, tuple[str | None, str]] = {}
    told: dict[UUID, set[str]] = {}
    refused = 0
    for number in range(120):
        match chance.choice(("grant", "revoke", "ask", "ask", "ask")):
            case "grant":
                learner, purpose = chance.choice((None, "l1", "l2")), chance.choice(("p1", "p2"))
                # Only some hold today.
                last = chance.choice((TODAY, TODAY + DAY))
                first = min(last, chance.choice((TODAY - DAY, TODAY, TODAY + DAY)))
                days = {"first_day": str(first), "last_day": str(last), "purpose": purpose}
                text = (
                    of_all(f"b{number}", **days)
                    if learner is None
                    else document(f"b{number}", learner=learner, **days)
                )
                await grant(client, text)
                if first <= TODAY:
                    standing[f"b{number}"] = learner, purpose
            case "revoke" if standing:
                await client.revoke(gone := chance.choice(sorted(standing)), "no more")
                del standing[gone]
            case _:
                learner, purpose = chance.choice(("l1", "l2", "l3")), chance.choice(("p1", "p2"))
                allowed = {
                    each
                    for each, (whose, what) in standing.items()
                    if whose in (None, learner) and what == purpose
                }
                answered = await asking.told(learner, purpose, "GetLearnerRecord")
                # What is remembered for a second may still name one that is revoked: then nothing is told.
                assert allowed or answered is None
                if answered is not None:
                    assert answered[1].sharing_basis in allowed
                    told[answered[0]] = allowed
                else:
                    refused += 1
    assert told
    assert refused
    connection = await asyncpg.connect(postgres, database=records.database)
    rows = await connection.fetch(
        "select disclosure_id, sharing_basis, partner, purpose from records.disclosure where tenant = $1",
        tenant,
    )
    await connection.close()
    assert {row["disclosure_id"] for row in rows} == set(told)
    assert all(
        row["sharing_basis"] in told[row["disclosure_id"]] and row["partner"] == "south" for row in rows
    )


async def serve_times(postgres: str, records: Provisioned, tenant: str) -> list[tuple[datetime, datetime]]:
    """Return when each was told under a basis, and when that was revoked."""
    connection = await asyncpg.connect(postgres, database=records.database)
    rows = await connection.fetch(
        "select disclosed_at, revoked_at from records.disclosure"
        " join records.sharing_revocation as ended using (tenant)"
        " where tenant = $1 and sharing_basis = ended.basis",
        tenant,
    )
    await connection.close()
    return [(told, ended) for told, ended in rows]


async def test_after_a_revocation_is_committed_nothing_is_told_under_it(
    client: SharingClient, serve: Pool, postgres: str, records: Provisioned, tenant: str
) -> None:
    """Whoever logs meanwhile is left out, and nobody else waits; for who logs just now it waits."""
    await grant(client, document())
    store, log = PostgresSharing(serve, PostgresPartners()), PostgresDisclosures(serve)

    shared = Permission("GetLearnerRecord", "south@1", "x", PartnerReference("south", 1), "admission", "b1")

    async def kept() -> tuple[bool, bool]:
        """Log one to the partner and one to an operator, together; tell which are kept."""
        to = {uuid4(): shared, uuid4(): Permission("GetLearnerRecord", "operator", "x")}
        found = await log.keep(
            [
                (
                    disclosure_id,
                    Disclosure(
                        tenant=TenantId(tenant),
                        permission=permission,
                        learner=LearnerId("l1"),
                        asked={},
                        told={},
                    ),
                )
                for disclosure_id, permission in to.items()
            ]
        )
        to_partner, to_operator = (each in found for each in to)
        return to_partner, to_operator

    assert await kept() == (True, True)
    async with transaction(serve, [TenantId(tenant)]) as connection:
        await store.lock(connection, TenantId(tenant))
        async with asyncio.timeout(5):
            assert await kept() == (False, True)
        await store.end(connection, TenantId(tenant), "b1", "no more", "anna")
    assert await kept() == (False, True)
    other = await asyncpg.connect(postgres, database=records.database)
    try:
        await other.execute("begin")
        await other.execute(
            "select pg_advisory_xact_lock_shared(hashtextextended('records.who_may_ask/' || $1, 0))", tenant
        )
        async with transaction(serve, [TenantId(tenant)]) as connection:
            waiting = asyncio.create_task(store.lock(connection, TenantId(tenant)))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            await other.execute("commit")
            await waiting
    finally:
        await other.close()
    rows = await serve_times(postgres, records, tenant)
    assert rows
    assert all(told < ended for told, ended in rows)


async def test_what_only_a_newer_process_can_read_is_left_out_and_can_be_revoked(
    client: SharingClient, asking: Asking, serve: Pool, tenant: str
) -> None:
    await grant(client, of_all("b1"), document("b2"))
    async with transaction(serve, [TenantId(tenant)]) as connection:
        await connection.execute(
            "insert into records.sharing_basis select tenant, 'newer', partner, purpose, learner, views,"
            " starts_at, ends_at, clause, notice, hash, $2, granted_by from records.sharing_basis"
            " where tenant = $1 and learner = 'l1'",
            tenant,
            document("newer", scopes=["record"]),
        )

    answered = await asking.told("l1", "admission", "GetLearnerRecord")

    assert answered is not None
    assert answered[1].sharing_basis == "b2"
    assert await listed(client) == ["b1", "b2", "newer"]
    await client.revoke("b2", "for the test")
    asking.bases = Bases(PostgresSharing(serve, PostgresPartners()))
    # What names the learner cannot be read: the one for all does not stand in for it.
    assert await asking.told("l1", "admission", "GetLearnerRecord") is None
    assert (await client.revoke("newer", "not ours")).sharing_basis.revoke_reason == "not ours"
    again = await asking.told("l1", "admission", "GetLearnerRecord")
    assert again is not None
    assert again[1].sharing_basis == "b1"
    assert await grant(client, document("b3", learner="l2")) == [("b3", False)]


async def test_a_basis_is_remembered_no_longer_than_a_second(client: SharingClient, asking: Asking) -> None:
    now = [100.0]
    known = asking.bases = Bases(PostgresSharing(asking.serve, PostgresPartners()), lambda: now[0])
    wanted = asking.tenant, "south", "admission", View.LEARNER_RECORD, LearnerId("l1")
    await grant(client, document())
    found = await known.in_force(*wanted)
    await client.revoke("b1", "no more")

    assert found is not None
    assert await known.in_force(*wanted) is found
    assert await asking.told("l1", "admission", "GetLearnerRecord") is None
    now[0] += 1.1
    assert await known.in_force(*wanted) is None
