# SPDX-License-Identifier: Apache-2.0
"""The order in which the decisions of one change take effect in the record.

A decision follows those that it names as its grounds, and a credit is let go by one award before
another counts it. Where both cannot be had, because awards exchange their credit in a circle, the
grounds come first; after the last decision of the change no credit is counted twice (I6).
"""

from collections.abc import Mapping, Sequence

from cairn.events.decision import DecisionMade
from services.recognition.domain.facts import Award


def in_sequence(decisions: Sequence[DecisionMade], before: Mapping[str, Award]) -> tuple[DecisionMade, ...]:
    """Put the decisions of one change in the order of their effect; they come in the order of the rules."""
    if len(decisions) < 2:
        return tuple(decisions)
    waiting = list(decisions)
    ordered: list[DecisionMade] = []
    while waiting:
        chosen = _next(waiting, before)
        waiting.remove(chosen)
        ordered.append(chosen)
    return tuple(ordered)


def _next(waiting: Sequence[DecisionMade], before: Mapping[str, Award]) -> DecisionMade:
    ids = {one.decision_id for one in waiting}
    # The order of the rules is an order of grounds, so there is always a grounded one.
    grounded = [one for one in waiting if not ids.intersection(one.grounds)]
    kept = {one.credential: _counted(one.credential, before) for one in waiting}
    for one in grounded:
        wanted = {allotment.credential for allotment in one.allotments} - kept[one.credential]
        others = (kept[other.credential] for other in waiting if other is not one)
        if not any(wanted & held for held in others):
            return one
    return grounded[0]


def _counted(credential: str, before: Mapping[str, Award]) -> frozenset[str]:
    award = before.get(credential)
    return frozenset() if award is None else frozenset(allotment.credential for allotment in award.allotments)
