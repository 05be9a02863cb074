# SPDX-License-Identifier: Apache-2.0
"""A seeded cohort that needs no dataset: the same presentations, with learners as they come.

Shares and spreads are near those of the real data: one learner in five takes a second module, one
in three stops handing in, one submission in eight is late, one score in a thousand is missing, and
two submissions in a hundred are followed by a second attempt.
"""

import random
from collections.abc import Iterator
from dataclasses import replace

from deploy.local.cohort.presentations import Assessment, Presentation, presentations
from deploy.local.cohort.submission import Submission

# How many presentations a learner takes, out of 100.
_TAKEN = ((1, 78), (2, 19), (3, 3))
# No number of a real student begins so, and both cohorts may be fed to one installation.
_MADE = "made-"


def submissions(learners: int, seed: int = 1) -> Iterator[Submission]:
    """Make the submissions of a number of learners, in the order in which they are handed in."""
    chance = random.Random(seed)  # noqa: S311 -- a repeatable cohort, no secret
    offered = presentations()
    made = [
        submission
        for number in range(learners)
        for presentation in _taken(chance, offered)
        for submission in _course(chance, presentation, f"{_MADE}{number}")
    ]
    made.sort(key=lambda submission: submission.occurred_at)
    return iter(made)


def _taken(chance: random.Random, offered: tuple[Presentation, ...]) -> list[Presentation]:
    counts, shares = zip(*_TAKEN, strict=True)
    return chance.sample(offered, chance.choices(counts, shares)[0])


def _course(chance: random.Random, presentation: Presentation, student: str) -> Iterator[Submission]:
    ability = chance.gauss(74, 13)
    stays = chance.random() < 0.68
    last_day = presentation.days if stays else chance.randrange(presentation.days)
    carries = chance.random() < 0.012
    for assessment in presentation.assessments:
        due = assessment.due_day
        if due is None or due > last_day or chance.random() < 0.06:
            continue
        first = _submission(chance, assessment, student, ability)
        first = replace(first, carried_over=carries, day=-1 if carries else first.day)
        yield first
        if chance.random() < 0.02:
            yield _again(chance, first)


def _submission(chance: random.Random, assessment: Assessment, student: str, ability: float) -> Submission:
    due = assessment.due_day or 0
    late = chance.random() < 0.12
    day = due + chance.randint(1, 20) if late else due - min(chance.randrange(8), chance.randrange(8))
    score = _percent(chance.gauss(ability, 11))
    missing = chance.random() < 0.001
    return Submission(assessment, student, max(day, -11), None if missing else score)


def _again(chance: random.Random, first: Submission) -> Submission:
    score = _percent(chance.gauss(60 if first.score is None else first.score + 5, 10))
    return replace(first, attempt=2, day=first.day + chance.randint(7, 40), score=score, carried_over=False)


def _percent(score: float) -> int:
    return max(0, min(100, round(score)))
