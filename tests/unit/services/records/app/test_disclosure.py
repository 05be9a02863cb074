# SPDX-License-Identifier: Apache-2.0
"""No answer leaves before its disclosure is committed; many are committed together."""

import asyncio
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from uuid import UUID

import pytest

from cairn.ids import LearnerId, TenantId
from chassis.errors import Retry
from services.records.app.authority import Permission
from services.records.app.disclosure import Disclosure, DisclosureLog

DISCLOSURE = Disclosure(
    tenant=TenantId("ou"),
    permission=Permission("GetEntry", "operator", "operation"),
    learner=LearnerId("l1"),
    asked={},
    told={},
)


class Slow:
    """A store whose commits wait for the test."""

    def __init__(self) -> None:
        self.groups: list[list[UUID]] = []
        self.commit = asyncio.Semaphore(0)
        self.failing = False

    async def keep(self, disclosures: Sequence[tuple[UUID, Disclosure]]) -> AbstractSet[UUID]:
        self.groups.append([disclosure_id for disclosure_id, _ in disclosures])
        await self.commit.acquire()
        if self.failing:
            raise Retry("the database is not there")
        return set(self.groups[-1])


async def _turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_nobody_gets_an_id_before_the_commit_and_the_next_group_gathers_meanwhile() -> None:
    store = Slow()
    log = DisclosureLog(store, rest=0)
    first = asyncio.create_task(log.disclose(DISCLOSURE))
    await _turns()
    later = [asyncio.create_task(log.disclose(DISCLOSURE)) for _ in range(5)]
    await _turns()
    assert [len(group) for group in store.groups] == [1]
    assert not first.done()

    store.commit.release()
    assert await first == store.groups[0][0]
    await _turns()
    assert [len(group) for group in store.groups] == [1, 5]
    assert not any(task.done() for task in later)

    store.commit.release()
    assert [await task for task in later] == store.groups[1]


async def test_what_is_not_committed_is_not_answered_and_the_next_group_goes_on() -> None:
    store = Slow()
    store.failing = True
    log = DisclosureLog(store, rest=0)
    both = [asyncio.create_task(log.disclose(DISCLOSURE)) for _ in range(2)]
    store.commit.release()
    for task in both:
        with pytest.raises(Retry):
            await task

    store.failing = False
    store.commit.release()
    assert isinstance(await log.disclose(DISCLOSURE), UUID)


async def test_a_caller_that_goes_away_takes_nobody_along() -> None:
    store = Slow()
    log = DisclosureLog(store, rest=0)
    leaving, staying = (asyncio.create_task(log.disclose(DISCLOSURE)) for _ in range(2))
    await _turns()
    leaving.cancel()
    store.commit.release()

    assert isinstance(await staying, UUID)
    assert leaving.cancelled()
