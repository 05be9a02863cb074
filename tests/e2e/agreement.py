# SPDX-License-Identifier: Apache-2.0
"""Compares what an installation holds with what the oracle worked out, and names every difference.

An award whose determination holds now must stand, and one that cannot be determined is with a person.
One that does not hold may still be there under review, if an entry says why, and leave open what rests
on it; in nothing else may history show (I4).
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from deploy.local.cohort.submission import Submission, opaque
from tests.e2e.oracle import CERTIFICATE, CERTIFICATE_NEEDS, DIPLOMA, DIPLOMA_NEEDS, Outcome
from tests.e2e.state import State
from tests.e2e.topics import Carried

_NEEDS = {CERTIFICATE: CERTIFICATE_NEEDS, DIPLOMA: DIPLOMA_NEEDS}

_WITH_A_PERSON = {"referred", "under_review"}


def learners_of(results: Iterable[Carried], submissions: Iterable[Submission]) -> dict[str, str]:
    """Find out from the canonical results which learner each student is, by the id of a piece of work."""
    students = {opaque(one.assessment.number, one.student): one.student for one in submissions}
    said = (json.loads(carried.value or b"{}") for carried in results)
    return {students[event["source_event_id"][:36]]: event["learner"] for event in said}


def differences(expected: Outcome, state: State, learners: Mapping[str, str]) -> list[str]:
    """Name every difference in attainments, awards, allotments and credits; an empty list is agreement."""
    entries = _latest(state)
    met = {(learners[student], credential) for student, held in expected.met.items() for credential in held}
    unknown = {
        (learners[student], credential) for student, open_ in expected.unknown.items() for credential in open_
    }
    worth = {learners[student]: amount for student, amount in expected.credits.items()}
    return [
        *_attainments(expected, state, learners),
        *_determinations(met, unknown, state),
        *_awards(met, state, entries),
        *_credits(worth, state, entries),
        *_allotments(state, entries),
    ]


def outcomes_at_intake(expected: Counter[str]) -> Counter[str]:
    """Return how a consumer of the ingest topic must count what the oracle counted."""
    counted = Counter(
        applied=expected["stored"],
        duplicate=expected["duplicate"],
        dead_lettered=expected["conflict"] + expected["refused"],
    )
    return +counted


def _attainments(expected: Outcome, state: State, learners: Mapping[str, str]) -> Iterator[str]:
    wanted = {
        (learners[student], f"https://open.ac.uk/competencies/{module}/{presentation}"): attained
        for (student, (module, presentation)), attained in expected.attainments.items()
    }
    for place in sorted(wanted.keys() | state.attainments.keys()):
        attained, row = wanted.get(place), state.attainments.get(place)
        if attained is None or row is None:
            yield f"{place}: expected {attained}, found {row}"
            continue
        wanted_row = attained.status, _wire(attained.score), attained.achieved_on
        if wanted_row != (row.status, _exact(row.score), row.achieved_on):
            yield f"{place}: expected {attained}, found {row}"


def _determinations(met: set[tuple[str, str]], unknown: set[tuple[str, str]], state: State) -> Iterator[str]:
    unsettled = {learner for (learner, _), standing in state.standings.items() if standing == "under_review"}
    unsettled |= {learner for learner, _ in unknown}
    for place in sorted(met | unknown | state.determinations.keys()):
        found, answer = state.determinations.get(place, ("nothing", "not_met"))
        expected = "met" if place in met else "unknown" if place in unknown else "not_met"
        # What is under review is neither there nor gone, and what is unknown may be spent more than once
        # in thought: of what rests on either, a person is asked rather once too often (I11).
        left_open = expected == "not_met" and place[1] in _NEEDS and place[0] in unsettled
        if answer != expected and not (answer == "unknown" and left_open):
            yield f"{place}: expected the answer {expected}, found {answer}"
        elif answer == "unknown" and found not in _WITH_A_PERSON:
            yield f"{place}: unknown, and no person is asked, but {found}"


def _awards(met: set[tuple[str, str]], state: State, entries: Mapping[tuple[str, str], Any]) -> Iterator[str]:
    good = {place for place, standing in state.standings.items() if standing == "good"}
    for place in sorted(met ^ good):
        found = state.standings.get(place, "nothing")
        yield f"{place}: expected {'good standing' if place in met else 'none'}, found {found}"
    for place, standing in sorted(state.standings.items()):
        if standing == "under_review":
            entry = entries.get(place)
            if entry is None or entry["kind"] != "under_review" or not entry["reason"]:
                yield f"{place}: under review, and no entry says why"


def _credits(worth: Mapping[str, int], state: State, entries: Mapping[tuple[str, str], Any]) -> Iterator[str]:
    found: Counter[str] = Counter()
    for learner, credential in state.standings:
        if state.standings[learner, credential] == "good" and credential not in _NEEDS:
            stated = entries[learner, credential]["credits"]
            found[learner] += sum(int(credit["amount"]) for credit in stated)
    for learner in sorted(worth.keys() | found.keys()):
        if worth.get(learner, 0) != found[learner]:
            yield f"{learner}: expected {worth.get(learner, 0)} credits, found {found[learner]}"


def _allotments(state: State, entries: Mapping[tuple[str, str], Any]) -> Iterator[str]:
    used: dict[str, Counter[str]] = {}
    for (learner, credential), standing in sorted(state.standings.items()):
        if standing != "good" or credential not in _NEEDS:
            continue
        allotted = entries[learner, credential]["allotments"]
        if sum(int(one["amount"]) for one in allotted) < _NEEDS[credential]:
            yield f"{(learner, credential)}: the allotments do not reach what the rule asks"
        used.setdefault(learner, Counter()).update(one["credential"] for one in allotted)
        if any(state.standings.get((learner, one["credential"])) != "good" for one in allotted):
            yield f"{(learner, credential)}: rests on a module that is not in good standing"
    for learner, credentials in used.items():
        if max(credentials.values(), default=0) > 1:
            yield f"{learner}: a credit is counted twice"


def _latest(state: State) -> dict[tuple[str, str], Any]:
    """Return the latest entry of each award; one that says nothing of credits keeps those before."""
    latest: dict[tuple[str, str], Any] = {}
    for (learner, _), (canonical, _) in sorted(state.entries.items()):
        entry = json.loads(canonical)
        before: dict[str, Sequence[Any]] = latest.get((learner, entry["credential"]), {})
        if entry["kind"] == "upheld" and not entry["credits"]:
            entry["credits"] = before.get("credits", ())
        if entry["kind"] == "upheld" and not entry["allotments"]:
            entry["allotments"] = before.get("allotments", ())
        latest[learner, entry["credential"]] = entry
    return latest


def _wire(score: Fraction | None) -> Fraction | None:
    # Ten places, a tie to the even one: what the wire can carry of the exact score.
    return None if score is None else round(score, 10)


def _exact(score: Decimal | None) -> Fraction | None:
    return None if score is None else Fraction(score)
