# SPDX-License-Identifier: Apache-2.0
"""Watches are counted while they are open: for each caller, and all together."""

from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from cairn.ids import TenantId
from chassis.rpc.refusal import LimitReached
from services.records.app.authority import PartnerReference, Permission
from services.records.app.open_watches import OpenWatches

A, B = TenantId("a"), TenantId("b")


def watches(most: int, most_of_one: int) -> OpenWatches:
    return OpenWatches(most, most_of_one, lambda: datetime.now(UTC))


def partner(name: str, version: int = 1) -> Permission:
    recipient = f"{name}@{version}"
    return Permission("WatchEntries", recipient, "any", partner=PartnerReference(name, version))


def operator(name: str) -> Permission:
    return Permission("WatchEntries", name, "operation of the service")


def refused(each: OpenWatches, permission: Permission, tenant: TenantId) -> str:
    with pytest.raises(LimitReached) as reached, each.one(permission, tenant):
        pass
    assert reached.value.seconds > 0
    return reached.value.reason


def test_one_caller_has_so_many_whatever_others_have() -> None:
    each = watches(10, 2)
    with ExitStack() as opened:
        for _ in range(2):
            opened.enter_context(each.one(partner("south"), A))
        assert refused(each, partner("south", version=2), A).startswith("the caller")
        opened.enter_context(each.one(partner("south"), B))
        opened.enter_context(each.one(partner("west"), A))


def test_an_operator_is_one_caller_in_all_institutions() -> None:
    each = watches(10, 1)
    with each.one(operator("anna"), A):
        assert refused(each, operator("anna"), B).startswith("the caller")
        with each.one(operator("bert"), A):
            pass


def test_all_together_have_so_many() -> None:
    each = watches(2, 2)
    with each.one(partner("south"), A), each.one(partner("west"), A):
        assert refused(each, operator("anna"), A).startswith("as many")


def test_what_has_ended_makes_room_also_where_it_failed() -> None:
    each = watches(1, 1)
    with pytest.raises(ValueError, match="broken"), each.one(partner("south"), A):
        raise ValueError("broken")
    with each.one(partner("south"), A):
        refused(each, partner("south"), A)
    with each.one(partner("south"), A):
        pass
