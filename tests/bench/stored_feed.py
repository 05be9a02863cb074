# SPDX-License-Identifier: Apache-2.0
"""What is fed where many results are stored: first what is stored, then results of old and new learners."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from random import Random

from cairn.cloudevents import CloudEvent
from deploy.local.cohort import generated
from deploy.local.cohort.submission import Submission, recorded

_RESULTS_PER_LEARNER = 7  # 8.9 on average; rather too many learners than too few


@dataclass(frozen=True, slots=True)
class Feed:
    """The results to be stored, and then so many lots, each half of learners stored and half of new ones."""

    stored: Sequence[CloudEvent]
    lots: Sequence[Sequence[CloudEvent]]


def feed(stored: int, lots: int, size: int) -> Feed:
    """Make the results; learners of the second half of the cohort are those of whom nothing is stored.

    What is stored of the others is chosen at random, since results need no order; the rest comes later.
    """
    half = size // 2
    learners = (stored + lots * half) // _RESULTS_PER_LEARNER
    made = list(generated.submissions(2 * learners))
    old = [each for each in made if _number(each) < learners]
    new = [each for each in made if _number(each) >= learners]
    if len(old) < stored:
        raise ValueError("the cohort is too small for what is stored")
    chosen = frozenset(Random(1).sample(range(len(old)), stored))
    first = [each for at, each in enumerate(old) if at in chosen]
    known = {each.student for each in first}
    later = [each for at, each in enumerate(old) if at not in chosen and each.student in known]
    if min(len(later), len(new)) < lots * half:
        raise ValueError("the cohort is too small for so many lots")
    mixed = list(chain.from_iterable(zip(later, new, strict=False)))
    return Feed(
        [recorded(each) for each in first],
        [[recorded(each) for each in mixed[at * 2 * half :][: 2 * half]] for at in range(lots)],
    )


def _number(submission: Submission) -> int:
    return int(submission.student.rpartition("-")[2])
