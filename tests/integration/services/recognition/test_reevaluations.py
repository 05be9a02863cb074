# SPDX-License-Identifier: Apache-2.0
"""A rule published after the facts determines what it would have determined before them."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from cairn.events.attainment import AttainmentChanged
from chassis.schedule.reevaluations import epoch_raised
from tests.integration.services.recognition.house import (
    ALICE,
    CERTIFICATE,
    DEMONSTRATED,
    DIPLOMA,
    LOWERED,
    STACK,
    House,
    competency,
    module,
    said,
)

MODULES = ("m1", "m2", "m3")
# Counts the same credit as the certificate, and comes before it in the order of rules.
RIVAL = CERTIFICATE.replace("rule: certificate", "rule: award").replace("id: certificate", "id: award")
RIVAL = RIVAL.replace("amount: 120", "amount: 60").replace(
    "[{credential: m1}, {credential: m2}]", "[{credential: m1}]"
)
# Wants no credit any more, so it competes with nobody: who gains are the rivals of the version before.
LETS_GO = f"""
rule: award
version: 2
credential: {{id: award, title: Certificate, kind: certificate, conferral: automatic}}
requirement: {{id: passed, competency: "{competency("m3")}"}}
"""
STRICTER = module("m1").replace("version: 1", "version: 2").split("examples")[0]
STRICTER = STRICTER.replace("requirement: {id: passed,", 'requirement: {id: passed, min_score: "0.9",')


async def determined(house: House) -> Sequence[Any]:
    """Return every award whose determination holds now, with its credit.

    From when an award counts is history, and so is what was conferred once and holds no longer (I4).
    """
    return await house.stored(
        "select learner, credential, holding, rule_version from recognition.award"
        " where answer = 'met' order by 1, 2"
    )


def history(house: House) -> list[AttainmentChanged]:
    seeded = random.Random(11)
    revisions: dict[tuple[str, str], int] = {}
    events = []
    for _ in range(120):
        key = f"l{seeded.randrange(15):02}", seeded.choice(MODULES)
        revisions[key] = revisions.get(key, 0) + 1
        status = seeded.choice((DEMONSTRATED, DEMONSTRATED, DEMONSTRATED, LOWERED))
        events.append(house.changed(key[1], status, min(revisions[key], 28), key[0]))
    return events


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (STACK[:3], (CERTIFICATE, DIPLOMA)),
        (STACK, (RIVAL,)),
        ((*STACK, RIVAL), (LETS_GO,)),
        (STACK, (STRICTER,)),
    ],
    ids=["new awards", "a rival for credit", "credit let go of", "a stricter module"],
)
async def test_published_after_the_facts_is_as_published_before_them(
    alike: tuple[House, House, House], first: tuple[str, ...], later: tuple[str, ...]
) -> None:
    before, after, _ = alike
    await before.publish(*first)
    await before.publish(*later)
    await before.feed(*history(before))
    await after.publish(*first)
    await after.feed(*history(after))
    assert await determined(after) != await determined(before)
    await after.publish(*later)
    assert await after.scan() > 0
    assert await determined(after) == await determined(before)
    assert await before.scan() == 0, "nobody was there to be scanned for"


async def test_a_scan_broken_off_half_way_misses_nobody_while_facts_flow(
    alike: tuple[House, House, House],
) -> None:
    before, after, _ = alike
    await before.publish(*STACK[:3])
    await before.publish(CERTIFICATE, DIPLOMA)
    await before.feed(*history(before))
    events = history(after)
    await after.publish(*STACK[:3])
    await after.feed(*events[:60])
    await after.publish(CERTIFICATE, DIPLOMA)
    assert await after.scan(chunk=3, turns=2) > 0
    await after.feed(*events[60:], size=7)
    await after.scan(chunk=3)
    assert await determined(after) == await determined(before)
    seen = await after.relay.fetch("select 1 from chassis.outbox where topic <> 'recognition.decisions.v1'")
    assert seen == []


async def test_what_is_determined_under_the_epoch_is_skipped(house: House) -> None:
    await house.publish(*STACK)
    await house.feed(house.changed("m1"), house.changed("m2", learner="bob"))
    await house.publish(STRICTER)
    made = await house.feed(house.changed("m3"))
    assert ("m1", "under_review") in said(made)
    epochs = await house.stored("select epoch from recognition.award where credential = 'm1'")
    assert epochs == [(2,)]
    assert await house.scan() == 2
    of_m1 = [each for each in await house.decisions() if each.credential == "m1"]
    assert of_m1 == [each for each in made if each.credential == "m1"]


async def test_a_learner_whom_a_publication_cannot_affect_is_not_told_of(house: House) -> None:
    await house.publish(*STACK[:2])
    await house.feed(house.changed("m1"), house.changed("m2", learner="bob"))
    await house.publish(STRICTER)
    assert await house.scan() == 1
    assert said([each for each in await house.decisions() if each.learner == "alice"])[1:] == [
        ("m1", "under_review")
    ]


async def test_who_publishes_again_in_a_restored_database_misses_nobody(house: House) -> None:
    """The epoch is the same once more, and what was told of it before has been taken in without effect."""
    await house.publish(*STACK)
    await house.feed(house.changed("m1"))
    await house.feed(epoch_raised(house.tenant, ALICE, 2, datetime.now(UTC)))
    await house.publish(STRICTER)
    assert await house.scan() == 1
    assert said(await house.decisions())[1:] == [("m1", "under_review")]
