# SPDX-License-Identifier: Apache-2.0
"""Groups: who asks while one is under way shares the next; every caller gets their own answer."""

import asyncio
from collections.abc import Sequence

import pytest

from chassis.grouping import Groups


class Desk:
    """Answers a number with its double, once it is let; keeps the groups that it saw."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []
        self.open = asyncio.Event()

    async def answer(self, numbers: Sequence[int]) -> list[int]:
        self.seen.append(list(numbers))
        await self.open.wait()
        if 13 in numbers:
            raise ValueError("13")
        return [2 * number for number in numbers]


async def asked(groups: Groups[int, int], *numbers: int) -> list["asyncio.Task[int]"]:
    tasks = [asyncio.create_task(groups.ask(number)) for number in numbers]
    await asyncio.sleep(0.01)
    return tasks


async def test_who_asks_meanwhile_shares_the_next_group_and_no_group_is_larger_than_it_may_be() -> None:
    desk = Desk()
    groups = Groups(desk.answer, most=3)
    first = await asked(groups, 1)
    later = await asked(groups, 2, 3, 4, 5)
    desk.open.set()
    assert await asyncio.gather(*first, *later) == [2, 4, 6, 8, 10]
    assert desk.seen == [[1], [2, 3, 4], [5]]


async def test_an_error_reaches_its_own_group_and_the_next_goes_on() -> None:
    desk = Desk()
    groups = Groups(desk.answer, most=10)
    first = await asked(groups, 1)
    bad = await asked(groups, 13, 2)
    desk.open.set()
    assert await first[0] == 2
    for each in bad:
        with pytest.raises(ValueError, match="13"):
            await each
    assert await groups.ask(3) == 6


async def test_a_caller_that_goes_away_takes_nobody_along() -> None:
    desk = Desk()
    groups = Groups(desk.answer, most=10)
    first = await asked(groups, 1)
    waiting = await asked(groups, 2, 3)
    waiting[0].cancel()
    first[0].cancel()
    desk.open.set()
    assert await waiting[1] == 6
    assert desk.seen == [[1], [3]]


async def test_a_group_that_follows_closely_begins_after_the_rest_and_gathers_meanwhile() -> None:
    desk = Desk()
    desk.open.set()
    groups = Groups(desk.answer, most=10, rest=0.05)
    assert await groups.ask(1) == 2
    ended = asyncio.get_running_loop().time()
    waiting = await asked(groups, 2, 3)
    waiting += await asked(groups, 4)
    assert await asyncio.gather(*waiting) == [4, 6, 8]
    assert asyncio.get_running_loop().time() - ended >= 0.045
    assert desk.seen == [[1], [2, 3, 4]]
