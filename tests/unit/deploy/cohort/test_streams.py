# SPDX-License-Identifier: Apache-2.0
"""The generated cohort and the derived stream: repeatable, and containing what they promise."""

import json
from collections import Counter
from collections.abc import Sequence

import pytest

from cairn.cloudevents import CloudEvent
from deploy.local.cohort import generated
from deploy.local.cohort.derived import derived, shuffled
from deploy.local.cohort.submission import RETRACTED, Submission, recorded

LEARNERS = 400


@pytest.fixture(scope="module")
def submissions() -> list[Submission]:
    return list(generated.submissions(LEARNERS))


@pytest.fixture(scope="module")
def stream(submissions: list[Submission]) -> list[CloudEvent]:
    return derived(submissions)


def test_a_cohort_is_repeatable_and_its_seed_matters(submissions: list[Submission]) -> None:
    assert list(generated.submissions(LEARNERS)) == submissions
    assert list(generated.submissions(LEARNERS, seed=2)) != submissions


def test_a_cohort_has_what_makes_real_ones_hard(submissions: list[Submission]) -> None:
    assert len({one.event_id for one in submissions}) == len(submissions)
    late = [one for one in submissions if one.day > (one.assessment.due_day or 0)]
    assert 0.08 < len(late) / len(submissions) < 0.2
    assert any(one.score is None for one in submissions)
    assert any(one.carried_over for one in submissions)
    assert any(one.attempt == 2 for one in submissions)
    taken = Counter((one.student, one.assessment.module) for one in submissions)
    assert len({student for student, _ in taken}) < len(taken)


def test_submissions_come_in_the_order_of_time(submissions: list[Submission]) -> None:
    times = [one.occurred_at for one in submissions]
    assert times == sorted(times)


def test_equal_submissions_make_equal_bytes(submissions: list[Submission]) -> None:
    assert [recorded(one) for one in submissions] == [recorded(one) for one in submissions]


def test_the_stream_is_repeatable(submissions: list[Submission], stream: list[CloudEvent]) -> None:
    assert derived(submissions) == stream
    assert derived(submissions, seed=4) != stream


def test_the_stream_has_its_shares(submissions: list[Submission], stream: list[CloudEvent]) -> None:
    count = len(submissions)
    versions = {event.id for event in stream if event.id.endswith("-v2")}
    retractions = {event.id for event in stream if event.type == RETRACTED}
    assert len(versions) == count * 3 // 100
    assert len(retractions) == count // 100
    contents = _contents(stream)
    assert sum(len(set(same)) > 1 for same in contents.values()) == count // 100
    sent = count + count * 3 // 100 + count * 2 // 100 + count // 100 + count // 100
    repeats = sum(len(same) - len(set(same)) for same in contents.values())
    assert repeats == sent * 5 // 100


def test_half_of_the_regrades_are_lower(stream: list[CloudEvent]) -> None:
    scores = {event.id: _score(event) for event in reversed(stream) if event.type != RETRACTED}
    lower = Counter(
        scores[event_id] < scores[event_id.removesuffix("-v2")]
        for event_id in scores
        if event_id.endswith("-v2")
    )
    assert abs(lower[True] - lower[False]) <= 1


def test_rivals_of_one_attempt_are_of_three_manners(
    submissions: list[Submission], stream: list[CloudEvent]
) -> None:
    said = {event.id: json.loads(event.data or b"") for event in reversed(stream)}
    manners = Counter(
        (_said_same(said[rival], said[rival.removesuffix("-r2")]), "version" in said[rival])
        for rival in said
        if rival.endswith("-r2")
    )
    third = len(submissions) // 300
    assert set(manners) == {(True, True), (False, True), (False, False)}
    assert all(abs(count - third) <= 1 for count in manners.values())


def test_some_retractions_come_before_their_targets(stream: list[CloudEvent]) -> None:
    place = {event.id: index for index, event in reversed(list(enumerate(stream)))}
    early = [
        place[event_id] < place[event_id.removesuffix("-retracted")]
        for event_id in place
        if event_id.endswith("-retracted")
    ]
    assert {True, False} == set(early)


def test_a_shuffle_moves_events_but_not_what_is_accepted(stream: list[CloudEvent]) -> None:
    moved = shuffled(stream)
    assert moved != stream
    assert _contents(moved) == _contents(stream)


def _contents(stream: Sequence[CloudEvent]) -> dict[str, list[bytes | None]]:
    found: dict[str, list[bytes | None]] = {}
    for event in stream:
        found.setdefault(event.id, []).append(event.data)
    return found


def _said_same(one: dict[str, object], other: dict[str, object]) -> bool:
    assert (one["learner"], one["activity"], one["attempt"], one["occurred_at"]) == (
        other["learner"],
        other["activity"],
        other["attempt"],
        other["occurred_at"],
    )
    return one["score"] == other["score"]


def _score(event: CloudEvent) -> int:
    said = json.loads(event.data or b"")
    return int(said["score"]["raw"]) if "score" in said else -1
