# SPDX-License-Identifier: Apache-2.0
"""The ways in which a rule can be met: which of its demands for credit have to be satisfied together."""

from collections.abc import Sequence
from itertools import combinations, product
from typing import TypeAlias

from cairn.events.explanation import Answer
from services.recognition.domain.answers import Answers
from services.recognition.domain.requirement import (
    AllOf,
    AnyOf,
    Competency,
    Credits,
    HeldCredential,
    NOf,
    Requirement,
    children_of,
    threshold,
)
from services.recognition.domain.steps import Steps

Way: TypeAlias = frozenset[str]


def ways(
    requirement: Requirement, leaves: Answers, counting: frozenset[Answer], steps: Steps
) -> tuple[Way, ...]:
    """Return the least sets of demands that meet a requirement, in the order of the document.

    ``counting`` are the answers of leaves that count as met. An empty set says that no credit is
    needed; no set at all, that no credit can help.
    """
    match requirement:
        case Credits():
            return (frozenset((requirement.id,)),)
        case Competency() | HeldCredential():
            return (frozenset(),) if leaves[requirement.id] in counting else ()
        case AllOf() | AnyOf() | NOf():
            below = [ways(child, leaves, counting, steps) for child in children_of(requirement)]
            return _choices(threshold(requirement), [one for one in below if one], steps)


def _choices(need: int, below: Sequence[tuple[Way, ...]], steps: Steps) -> tuple[Way, ...]:
    free = sum(one[0] == frozenset() for one in below)
    # What needs no credit is chosen first: any other choice would only add demands to it.
    costly = [one for one in below if one[0] != frozenset()]
    found: dict[Way, None] = {}
    for chosen in combinations(costly, max(need - free, 0)):
        for joined in product(*chosen):
            steps.take()
            found[frozenset().union(*joined)] = None
    return _least(tuple(found), steps)


def _least(found: tuple[Way, ...], steps: Steps) -> tuple[Way, ...]:
    if len(found) == 1:
        return found
    least = []
    for one in found:
        steps.take()
        if not any(other < one for other in found):
            least.append(one)
    return tuple(least)
