# SPDX-License-Identifier: Apache-2.0
"""The clients against real servers: paging, watching again, and typed errors."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from google.type.date_pb2 import Date

from cairn.client import channel, records
from cairn.client.errors import DeniedError, ImmutableError, NotFoundError, RefusedError, UnavailableError
from cairn.client.policies import open_policies
from cairn.client.records import open_records
from cairn.client.rules import open_rules
from tests.integration.cairn.scripted import Services, scripted_services


@pytest.fixture
def services() -> Iterator[Services]:
    with scripted_services() as running:
        yield running


async def test_a_record_is_asked_as_of_both_times(services: Services) -> None:
    async with open_records(services.address, "ou") as client:
        instant = datetime(2014, 7, 1, 12, tzinfo=UTC)
        answer = await client.record("l1", effective_as_of=date(2014, 6, 30), recorded_as_of=instant)

    (asked,) = services.records.asked
    assert asked.name == "institutions/ou/learners/l1"
    assert channel.from_date(asked.effective_as_of) == date(2014, 6, 30)
    assert asked.recorded_as_of.ToDatetime(UTC) == instant
    assert answer.disclosure_id == "d1"


async def test_an_instant_without_its_zone_is_no_instant(services: Services) -> None:
    async with open_records(services.address, "ou") as client:
        with pytest.raises(ValueError, match="zone"):
            await client.record("l1", recorded_as_of=datetime(2014, 7, 1))  # noqa: DTZ001 - what is refused

    assert services.records.asked == []


async def test_every_page_is_read(services: Services) -> None:
    async with open_records(services.address, "ou") as client:
        positions = [entry.position async for entry in client.entries()]
        told = [each.name.rpartition("/")[2] async for each in client.disclosures("l1")]

    assert positions == [0, 1, 2]
    assert told == ["d0", "d1", "d2"]


async def test_a_watch_goes_on_behind_what_it_saw(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_BETWEEN_WATCHES_SECONDS", 0.0)
    seen = []
    async with open_records(services.address, "ou") as client:
        watch = client.watch()
        for _ in range(5):
            seen.append((await anext(watch)).position)  # noqa: PERF401 - a watch has no end
        await watch.aclose()

    assert seen == [0, 1, 2, 3, 4]
    assert services.records.asked == [None, 1, 3]


async def test_a_denial_is_typed(services: Services) -> None:
    async with open_records(services.address, "ou") as client:
        with pytest.raises(DeniedError, match="not for this caller"):
            await client.entry("secret")


async def test_documents_are_published_in_their_order(services: Services) -> None:
    async with open_policies(services.address, "ou") as client:
        answer = await client.publish({"a": "policy: a", "b": "policy: b"})

    assert [each.policy.policy_id for each in answer.policies] == ["a", "b"]
    assert [each.already_published for each in answer.policies] == [False, True]


async def test_a_refusal_names_its_places(services: Services) -> None:
    async with open_policies(services.address, "ou") as client:
        with pytest.raises(RefusedError) as caught:
            await client.publish({"a": "policy: a", "b": "wrong"})

    assert caught.value.reason == "INVALID_FIELD"
    assert [each.field for each in caught.value.violations] == ["documents[1].activities[0].weight"]


async def test_all_pages_of_policies_and_one_version(services: Services) -> None:
    async with open_policies(services.address, "ou") as client:
        assert [policy.policy_id async for policy in client.published()] == ["a", "b"]
        assert (await client.policy("a", 2)).version == 2
        with pytest.raises(NotFoundError):
            await client.policy("a")


async def test_a_published_rule_never_changes(services: Services) -> None:
    async with open_rules(services.address, "ou") as client:
        assert [rule.rule_id async for rule in client.published()] == ["module-aaa"]
        with pytest.raises(ImmutableError):
            await client.publish({"module-aaa": "rule: module-aaa"})


async def test_nobody_there_is_unavailable() -> None:
    async with open_records("127.0.0.1:1", "ou") as client:
        with pytest.raises(UnavailableError):
            await client.entry("e1")


def test_a_partial_day_is_no_day() -> None:
    with pytest.raises(ValueError, match="month"):
        channel.from_date(Date(year=2014))
