# SPDX-License-Identifier: Apache-2.0
"""What counts as proven, where a process ends, and what history excuses."""

import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.state import AttainedRow, State
from tests.prove.defects import DEFECTS, IN_DATABASES
from tests.prove.findings import Findings, Tried, rows_of_cases
from tests.prove.passages import hits
from tests.prove.report import Row, after_another_try, not_shown, table
from tests.prove.same_state import differing_states
from tests.prove.story import publications, story

ROW = Row(
    case="point (process)",
    runner="faust",
    planted=None,
    events=5000,
    hit=2,
    due=2,
    least=2,
    lost=0,
    duplicated=0,
    equal_to_replay=True,
    equal_state=True,
    failed=0,
    seconds=1.0,
)
HELD = AttainedRow("demonstrated", None, date(2014, 1, 1), 1, "first")
STATE = State(
    {("l", "c"): HELD},
    {("l", "m"): "good"},
    {("l", "m"): ("conferred", "met")},
    {("l", "m"): "30"},
    {},
    {},
    Counter(),
)
DYING = """
import asyncio, sys
from pathlib import Path
from typing import Any
from tests.prove.passages import Passages

class Door:
    async def open(self, guest):
        print(guest, flush=True)
        return guest

async def main():
    door = Door()
    for guest in range(9):
        await door.open(guest)

passages = Passages({"opened": [2, 3]}, Path(sys.argv[1]), "door")
passages.after(Door, "open", "opened", lambda guest: guest != 0)
asyncio.run(main())
"""


@pytest.mark.parametrize(
    "wrong", [{"lost": 1}, {"duplicated": 1}, {"equal_to_replay": False}, {"equal_state": False}]
)
def test_a_case_is_proven_by_nothing_wrong_and_a_defect_by_what_it_brings(wrong: dict[str, Any]) -> None:
    assert ROW.proven
    assert not replace(ROW, **wrong).proven
    assert not replace(ROW, planted="defect", **wrong).proven
    assert replace(ROW, planted="defect", on_its_ground=1, **wrong).proven


def test_a_defect_is_caught_on_its_own_ground() -> None:
    counts = "results: t[0] had 1 ignored, counted 0"
    found = {
        "acknowledge_before_commit": "results: (b'urn:cairn', b'1') took no effect",
        "mark_before_publish": "records.entries.v1: (b'urn:cairn', b'1') was not published",
        "no_inbox": "records: (b'urn:cairn', b'1') took effect 2 times",
        "no_learner_lock": "competency.events.v1: (b'urn:cairn', b'1') has no ground",
        "no_fence": "results: t[0] holds 101, counted 125",
    }
    assert found.keys() == DEFECTS.keys() | IN_DATABASES.keys()
    for defect, finding in found.items():
        for findings, grounds in ((Findings(lost=[counts, finding]), 1), (Findings(lost=[counts]), 0)):
            (row,) = rows_of_cases({"case": 1}, Tried("faust", defect, 5000), 1.0, findings, ())
            assert (row.on_its_ground, row.proven, row.undecided) == (grounds, bool(grounds), not grounds)


def test_a_task_that_ended_by_an_error_is_no_proof_and_catches_no_defect() -> None:
    assert not replace(ROW, failed=1).proven
    assert not replace(ROW, failed=1, planted="defect").proven


def test_a_point_that_was_hit_too_seldom_proves_nothing() -> None:
    assert not replace(ROW, hit=1).proven
    assert replace(ROW, hit=1, planted="defect", on_its_ground=1).proven
    assert not replace(ROW, hit=0, planted="defect", on_its_ground=1).proven


def test_a_fault_that_met_work_in_one_of_its_rounds_is_proven_and_both_numbers_are_told() -> None:
    (row,) = rows_of_cases(
        {"nemesis: zombie": 1}, Tried("faust", None, 5000, 2, least=1), 1.0, Findings(), ()
    )
    assert row.proven
    assert (row.hit, row.due) == (1, 2)
    assert "1 of 2" in list(table([row]).columns[4].cells)
    assert not replace(row, hit=0).proven


def test_another_try_shows_what_the_first_did_not_and_hides_nothing() -> None:
    missed, again, wrong = replace(ROW, hit=0), replace(ROW, tries=2), replace(ROW, lost=1, tries=2)
    assert missed.undecided
    assert not ROW.undecided
    assert not wrong.undecided
    assert not_shown([ROW, missed, wrong]) == [missed.case]
    assert after_another_try([missed], [again]) == [again]
    assert after_another_try([ROW], [replace(missed, tries=2)]) == [again]
    assert after_another_try([ROW], [wrong]) == [wrong]
    assert after_another_try([missed], [wrong]) == [wrong]
    assert after_another_try([replace(ROW, lost=1)], [again]) == [wrong]
    uncaught = replace(ROW, planted="defect", lost=1)
    caught = replace(uncaught, on_its_ground=1, tries=2)
    assert uncaught.undecided
    assert after_another_try([uncaught], [caught]) == [caught]


def test_a_try_that_raised_is_not_hidden_by_another() -> None:
    missed, raised = replace(ROW, hit=0), replace(ROW, case="every point", hit=0, failed=1, tries=2)
    rows = after_another_try([missed], [raised])
    assert rows == [missed, raised]
    assert after_another_try(rows, [replace(ROW, tries=3)]) == [replace(ROW, tries=3), raised]


def test_a_process_ends_at_the_planned_passage_of_each_life_and_then_lives(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    lives = [_live(marks) for _ in range(3)]
    assert [life.returncode for life in lives] == [-signal.SIGKILL, -signal.SIGKILL, 0]
    assert [life.stdout.split() for life in lives] == [list("012"), list("0123"), list("012345678")]
    assert hits(marks) == {"door|opened": 2}


def test_history_is_excused_and_nothing_else() -> None:
    later = replace(HELD, revision=7, event_id="seventh")
    reviewed = replace(STATE, attainments={("l", "c"): later})
    assert list(differing_states(STATE, reviewed)) == []
    lowered = replace(STATE, attainments={("l", "c"): replace(HELD, status="not_attempted")})
    unmet = replace(STATE, determinations={("l", "m"): ("under_review", "not_met")})
    gone = replace(STATE, standings={("l", "m"): "under_review"})
    others = lowered, unmet, gone, replace(STATE, holdings={("l", "m"): "15"})
    assert [len(list(differing_states(STATE, other))) for other in others] == [1, 1, 1, 1]
    open_ = replace(others[-1], standings={**STATE.standings, ("l", "n"): "under_review"})
    assert list(differing_states(STATE, open_)) == []


def test_a_story_is_told_the_same_each_time() -> None:
    one, again, other = story(500, 1), story(500, 1), story(500, 2)
    assert one == again
    assert len(one.events) == 500
    assert one.events != other.events
    assert all("valid_for_months: 146" in text for text in one.at_first.policies.values())


def test_whatever_is_published_between_the_last_publication_is_the_same() -> None:
    (only,), (between, last) = publications(1), publications(2)
    assert all('threshold: "0.70"' in text for text in only.policies.values())
    assert all('amount: "90"' in text for text in only.rules.values())
    once, first, then = ({**each.policies, **each.rules} for each in (only, between, last))
    assert all("version: 2\n" in text for text in (*once.values(), *first.values()))
    for name, text in once.items():
        assert then[name] == text.replace("version: 2\n", "version: 3\n")
        assert first[name] != text


def _live(marks: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", DYING, str(marks)],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
