# SPDX-License-Identifier: Apache-2.0
"""A seeded stream of all that platforms do to results after the first report, derived from submissions.

Of the submissions, 3 % are graded again (every second one lower), 2 % are followed by a second
attempt and 1 % are reported again under the same id with another score, which Cairn must not
take. 1 % have a rival: a second report of the same attempt, under its own id, that nothing puts
before or after the first. Two of three contradict it, so that a person must decide; the third says
the same. 1 % of the reports are taken back, every third of those before it arrives; 10 % of the
reports come up to 60 days late, and 5 % of what was sent comes twice.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from cairn.cloudevents import CloudEvent
from deploy.local.cohort.submission import Submission, recorded, retracted

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event and the instant at which it reaches Cairn."""

    at: datetime
    event: CloudEvent


def derived(submissions: Iterable[Submission], seed: int = 3) -> list[CloudEvent]:
    """Derive the stream in the order of arrival; equal submissions and seed give equal bytes."""
    chance = random.Random(seed)  # noqa: S311 -- a repeatable stream, no secret
    first = list(submissions)
    graded = [one for one in first if one.score is not None and 0 < one.score < 100]
    regraded = _some(chance, graded, len(first) * 3 // 100)
    reports = [*first]
    reports += [_regrade(chance, one, lower=place % 2 == 0) for place, one in enumerate(regraded)]
    reports += [_second_attempt(chance, one) for one in _some(chance, _last(first), len(first) * 2 // 100)]
    rivalled = _some(chance, graded, len(first) // 100)
    reports += [_rival(chance, one, place % 3) for place, one in enumerate(rivalled)]
    sent = [(one, Arrival(_arrival(chance, one), recorded(one))) for one in reports]
    contradicted = _some(chance, sent[: len(first)], len(first) // 100)
    withdrawn = _some(chance, sent, len(first) // 100)
    arrivals = [arrival for _, arrival in sent]
    arrivals += [_retraction(chance, *it, early=place % 3 == 0) for place, it in enumerate(withdrawn)]
    repeated = _some(chance, arrivals, len(arrivals) * 5 // 100)
    arrivals += [Arrival(_later(chance, arrival.at, 60), arrival.event) for arrival in repeated]
    arrivals += [_contradiction(chance, *it) for it in contradicted]
    arrivals.sort(key=lambda arrival: arrival.at)
    return [arrival.event for arrival in arrivals]


def shuffled(events: Sequence[CloudEvent], seed: int = 5) -> list[CloudEvent]:
    """Shuffle a stream, but keep the order of the events of one id: the first of them is accepted."""
    order = list(range(len(events)))
    random.Random(seed).shuffle(order)  # noqa: S311 -- a repeatable shuffle, no secret
    in_order: dict[str, list[CloudEvent]] = {}
    for event in events:
        in_order.setdefault(event.id, []).append(event)
    left = {event_id: iter(same) for event_id, same in in_order.items()}
    return [next(left[events[place].id]) for place in order]


def _some(chance: random.Random, of: Sequence[T], count: int) -> list[T]:
    return chance.sample(of, count)


def _regrade(chance: random.Random, first: Submission, *, lower: bool) -> Submission:
    score = first.score or 0
    return replace(first, version=2, score=_below(chance, score) if lower else _above(chance, score))


def _below(chance: random.Random, score: int) -> int:
    return chance.randrange(max(0, score - 60), score)


def _above(chance: random.Random, score: int) -> int:
    return chance.randint(score + 1, min(100, score + 40))


def _last(submissions: Sequence[Submission]) -> list[Submission]:
    taken = {one.event_id for one in submissions}
    return [one for one in submissions if _next_attempt(one).event_id not in taken]


def _next_attempt(first: Submission) -> Submission:
    return replace(first, attempt=first.attempt + 1)


def _second_attempt(chance: random.Random, first: Submission) -> Submission:
    again = _next_attempt(first)
    return replace(again, day=first.day + chance.randint(7, 40), score=chance.randint(20, 100))


def _rival(chance: random.Random, first: Submission, manner: int) -> Submission:
    """Report the same under another id, or another score: under the same version, or without one."""
    if manner == 0:
        return replace(first, report=2)
    other = ((first.score or 0) + chance.randint(1, 100)) % 101
    return replace(first, report=2, score=other, version=1 if manner == 1 else None)


def _arrival(chance: random.Random, submission: Submission) -> datetime:
    graded = _later(chance, submission.occurred_at, 45 if submission.version == 2 else 14)
    return _later(chance, graded, 60) if chance.random() < 0.10 else graded


def _retraction(chance: random.Random, submission: Submission, sent: Arrival, *, early: bool) -> Arrival:
    taken_back = _later(chance, submission.occurred_at, 30)
    at = sent.at - timedelta(minutes=chance.randint(1, 10_000)) if early else _later(chance, sent.at, 30)
    return Arrival(at, retracted(submission, taken_back))


def _contradiction(chance: random.Random, submission: Submission, sent: Arrival) -> Arrival:
    score = 0 if submission.score is None else submission.score
    other = replace(submission, score=(score + chance.randint(1, 100)) % 101)
    return Arrival(_later(chance, sent.at, 30), recorded(other))


def _later(chance: random.Random, than: datetime, days: int) -> datetime:
    return than + timedelta(minutes=chance.randint(1, days * 24 * 60))
