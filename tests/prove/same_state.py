# SPDX-License-Identifier: Apache-2.0
"""Whether two runs hold the same where their history must not show (I4).

Attainments and what each rule finds met are functions of the accepted facts, and so is the credit that
is given for it and allotted to it; an award whose determination holds now stands in both. What is under
review, withdrawn or upheld is history, and leaves open what of the same learner rests on it.
"""

from collections.abc import Iterator

from tests.e2e.state import State


def differing_states(one: State, other: State) -> Iterator[str]:
    """Name every difference that history does not excuse."""
    for place in sorted(one.attainments.keys() | other.attainments.keys()):
        first, second = one.attainments.get(place), other.attainments.get(place)
        said = [each and (each.status, each.score, each.achieved_on) for each in (first, second)]
        if said[0] != said[1]:
            yield f"attainment {place}: {said[0]}, and {said[1]}"
    for place in sorted(_met(one) ^ _met(other)):
        yield f"determination {place}: met in one run only"
    unsettled = _unsettled(one) | _unsettled(other)
    for place in sorted(_met(one) & _met(other)):
        held = one.holdings[place], other.holdings[place]
        if held[0] != held[1] and place[0] not in unsettled:
            yield f"credit {place}: {held[0]}, and {held[1]}"
    for place in sorted(_good(one) ^ _good(other)):
        yield f"award {place}: in good standing in one run only"


def _met(state: State) -> set[tuple[str, str]]:
    return {place for place, (_, answer) in state.determinations.items() if answer == "met"}


def _good(state: State) -> set[tuple[str, str]]:
    return {place for place, standing in state.standings.items() if standing == "good"}


def _unsettled(state: State) -> set[str]:
    return {learner for (learner, _), standing in state.standings.items() if standing == "under_review"}
