# SPDX-License-Identifier: Apache-2.0
"""For whom somebody calls is asked of the partners of one institution, and of their own authorities."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from cairn.ids import LearnerId, TenantId
from chassis.errors import Reject
from chassis.rpc.authorities import Authorities
from chassis.rpc.caller import Caller, Certified, OnThisMachine, Stranger
from chassis.rpc.operators import CertifiedOperators
from services.records.app.authority import Asked, ByCertificate, PartnerReference, Permission
from services.records.app.bases import Bases
from services.records.app.partners import NOBODY, Partners
from services.records.domain.mask import EVERYTHING
from services.records.domain.partner import Partner
from tests.certificates import Authority

NORTH, SOUTH = TenantId("north"), TenantId("south")
REGISTRY = "spiffe://example.edu/registry"
NOW = datetime.now(UTC)
WEEK = timedelta(days=7)


@pytest.fixture(scope="module")
def northern() -> Authority:
    return Authority("north")


@pytest.fixture(scope="module")
def southern() -> Authority:
    return Authority("south")


def partner(authority: Authority, **changed: Any) -> Partner:
    values: dict[str, Any] = {"partner": "registry", "version": 3, "name": "Registry", "own": True} | {
        "identities": (REGISTRY,),
        "authorities": authority.pem.decode(),
    }
    return Partner(**values | changed)


def shown(authority: Authority, *identities: str) -> Certified:
    return Certified(authority.client(*identities).certificate)


def test_each_institution_believes_its_own_authorities(northern: Authority, southern: Authority) -> None:
    both = Partners([(NORTH, partner(northern)), (SOUTH, partner(southern, version=5))])

    assert both.whom(NORTH, shown(northern, REGISTRY), NOW) == partner(northern)
    assert both.whom(SOUTH, shown(southern, REGISTRY), NOW) == partner(southern, version=5)
    assert both.whom(SOUTH, shown(northern, REGISTRY), NOW) is None
    assert both.whom(TenantId("west"), shown(northern, REGISTRY), NOW) is None
    believed = [each for bundle in both.bundles for each in bundle.certificates]
    assert believed == [northern.certificate, southern.certificate]


def test_an_authority_speaks_for_its_own_partner_alone(northern: Authority, southern: Authority) -> None:
    """One of two partners of an institution cannot make a certificate for the other."""
    library = partner(southern, partner="library", identities=("spiffe://example.edu/library",))
    both = Partners([(NORTH, partner(northern)), (NORTH, library)])

    assert both.whom(NORTH, shown(southern, REGISTRY), NOW) is None
    assert both.whom(NORTH, shown(southern, REGISTRY, library.identities[0]), NOW) == library


def test_who_is_withdrawn_or_out_of_date_is_nobody(northern: Authority) -> None:
    gone = Partner(partner="registry", version=4, name="Registry", own=True, withdrawn=True)

    assert Partners([(NORTH, gone)]).whom(NORTH, shown(northern, REGISTRY), NOW) is None
    assert Partners([(NORTH, gone)]).bundles == []
    assert Partners([(NORTH, partner(northern))]).whom(NORTH, shown(northern, REGISTRY), NOW + WEEK) is None
    assert Partners([(NORTH, partner(northern))]).whom(NORTH, shown(northern, REGISTRY + "/x"), NOW) is None
    assert Partners([(NORTH, partner(northern))]).whom(NORTH, Certified(b"nothing"), NOW) is None


def test_authorities_that_cannot_be_read_keep_nobody_else_out(northern: Authority) -> None:
    broken = partner(northern, partner="library", authorities="none", identities=("a:b",))

    with capture_logs() as said:
        known = Partners([(NORTH, broken), (NORTH, partner(northern))])

    assert known.whom(NORTH, shown(northern, REGISTRY), NOW) is not None
    assert [(each["event"], each["partner"]) for each in said] == [("partner not taken", "library")]


def callers(northern: Authority, southern: Authority) -> Iterator[Caller]:
    yield from (OnThisMachine(), Stranger(), shown(southern, REGISTRY), shown(northern, "a:b"))


class NoBases:
    """Where nothing is granted; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def in_force(self, *_key: object) -> None:
        self.asked += 1


async def test_the_institution_itself_reads_its_own_record(northern: Authority, southern: Authority) -> None:
    operators = CertifiedOperators(lambda: Authorities(southern.pem), ["a:operator"], lambda: NOW)
    known = Partners([(NORTH, partner(northern)), (SOUTH, partner(northern, partner="other", own=False))])
    reader = NoBases()
    authority = ByCertificate(operators, lambda: known, Bases(reader), lambda: NOW)
    called = shown(northern, REGISTRY)

    async def authorised(caller: Caller, tenant: TenantId | None, **asked: str | None) -> Permission:
        values: dict[str, Any] = {"learner": LearnerId("l1"), "method": "GetEntry", "purpose": ""} | asked
        return await authority.authorise(caller, Asked(tenant, **values))

    permission = await authorised(called, NORTH, purpose="audit")

    assert permission.partner == PartnerReference("registry", 3)
    assert (permission.recipient, permission.method) == ("registry@3", "GetEntry")
    assert (permission.purpose, permission.sharing_basis, permission.fields) == ("audit", None, EVERYTHING)
    assert (await authorised(shown(southern, "a:operator"), NORTH)).partner is None
    assert (await authorised(shown(southern, "a:operator"), None)).recipient == "a:operator"
    refused = [(each, NORTH) for each in callers(northern, southern)]
    for caller, tenant in [*refused, (called, TenantId("west")), (called, None)]:
        with pytest.raises(Reject) as raised:
            await authorised(caller, tenant)
        assert raised.value.reason == "the caller is no operator of this service"
    assert reader.asked == 0
    for number, purpose in enumerate(("admission", "payment"), start=1):
        with pytest.raises(Reject, match="no sharing basis is in force for this call"):
            await authorised(called, SOUTH, purpose=purpose)
        assert reader.asked == number
    for asked in (
        {"purpose": ""},
        {"purpose": "x\x00"},
        {"purpose": "p", "method": "ListDisclosures"},
        {"purpose": "p", "learner": None},
    ):
        with pytest.raises(Reject, match="no sharing basis is in force for this call"):
            await authorised(called, SOUTH, **asked)
    assert reader.asked == 2


def test_nobody_is_anybody_at_first(northern: Authority) -> None:
    assert NOBODY.whom(NORTH, shown(northern, REGISTRY), NOW) is None
