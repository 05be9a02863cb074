# SPDX-License-Identifier: Apache-2.0
"""One run of a story: published at rest, or between its halves while records are asked for."""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import asyncpg
import stamina

from cairn.client.errors import MovedError, UnavailableError
from cairn.client.policies import open_policies
from cairn.client.rules import open_rules
from deploy.local.cohort.submission import TENANT
from deploy.local.publish import OPERATOR
from tests.e2e.installation import INGEST
from tests.e2e.quiet import StillMovingError, until, wait_until_quiet
from tests.e2e.state import State, read_state
from tests.prove.asking import Answers, asked
from tests.prove.concluded import differing_from_oracle
from tests.prove.discarding import discard
from tests.prove.feeding import feed
from tests.prove.ground import Ground
from tests.prove.poison import hold_up
from tests.prove.posting import post
from tests.prove.story import Publication, Story, publications

_SOME_ENTRIES = 20
_SOME_ANSWERS = 5
_LOOK_SECONDS = 0.1
_SHOWN = 10
# A planted defect may lose all of the first half.
_COME_THROUGH_SECONDS = 30.0
_REST_SECONDS = 120.0
# For a story of any length.
PATIENCE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run came to: its state, and what its answers named."""

    state: State
    answers: Answers
    posted: Counter[str]
    """How the HTTP door answered, by what became of each event."""
    moving: tuple[str, ...]
    """What was still under way when the time was over, of a run that came to no rest."""


async def run_at_rest(ground: Ground, story: Story) -> Ran:
    """Run a story to its end, check it against the oracle, and publish only then, each at rest."""
    await feed(ground, story.events)
    moving = await rest(ground, PATIENCE_SECONDS)
    if not moving and (differing := await differing_from_oracle(ground, story.events)):
        message = f"the run in peace is not what the oracle concludes: {differing[:_SHOWN]}"
        raise AssertionError(message)
    for publication in (story.at_first, *publications(1)):
        await publish(ground, publication)
        moving += await rest(ground, PATIENCE_SECONDS)
    return Ran(await read_state(ground.up.databases, TENANT), Answers(), Counter(), moving)


async def run(ground: Ground, story: Story, *, through_http: bool, held_up: bool = False) -> Ran:
    """Run a story to its end; its second half goes through HTTP where that is asked for.

    With ``held_up`` some learners wait behind poison meanwhile, and it is discarded in the end.
    """
    await publish(ground, story.at_first)
    half = len(story.events) // 2
    async with asked(ground) as answers:
        await feed(ground, story.events[:half])
        await some_entries(ground)
        if held_up:
            await hold_up(ground)
        await publish(ground, publications(1)[0])
        posted: Counter[str] = Counter()
        if through_http:
            posted = await post(ground, story.events[half:])
        else:
            await feed(ground, story.events[half:])
        moving = await rest(ground)
        if held_up:
            moving += await discard(ground)
            moving += await rest(ground)
        await some_answers(answers)
    return Ran(await read_state(ground.up.databases, TENANT), answers, posted, moving)


async def some_answers(answers: Answers) -> None:
    """Wait until records are answered: a door that has just ended may come back behind the story's end."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_COME_THROUGH_SECONDS):
            while answers.given < _SOME_ANSWERS:  # noqa: ASYNC110 - the asking counts, and tells nobody
                await asyncio.sleep(_LOOK_SECONDS)


async def some_entries(ground: Ground) -> None:
    """Wait until some results have come through, or for as long as they ever need."""
    with suppress(TimeoutError):
        await asyncio.wait_for(until(partial(_has_entries, ground)), _COME_THROUGH_SECONDS)


async def _has_entries(ground: Ground) -> bool:
    """Whether some results have come through, so that the publication has whom to reach."""
    connection = await asyncpg.connect(ground.up.databases["records"])
    try:
        return bool(await connection.fetchval("select count(*) >= $1 from records.entry", _SOME_ENTRIES))
    finally:
        await connection.close()


async def rest(ground: Ground, within: float = _REST_SECONDS) -> tuple[str, ...]:
    """Wait until nothing moves any more; return what still does when the time is over."""
    try:
        await wait_until_quiet(ground.up.bootstrap, ground.up.databases, (INGEST,), within)
    except StillMovingError as error:
        return (f"no rest after {within:.0f} s: {error}",)
    return ()


async def publish(ground: Ground, publication: Publication) -> None:
    """Publish documents; a server that has just ended, or found them moved, is asked again."""
    layout = ground.up.installation.layout
    again = (UnavailableError, MovedError)
    async for attempt in stamina.retry_context(on=again, attempts=None, timeout=60):
        with attempt:
            if publication.policies:
                async with open_policies(layout.address("assessment-grpc"), TENANT, OPERATOR) as policies:
                    await policies.publish(publication.policies)
            if publication.rules:
                async with open_rules(layout.address("recognition-grpc"), TENANT, OPERATOR) as rules:
                    await rules.publish(publication.rules)
