# SPDX-License-Identifier: Apache-2.0
"""The cost of the protocol: the places left out are the function's, and differences are of rounds."""

import pytest

from deploy.local.stack import ROOT
from tests.bench.ablation import VARIANTS, Edit
from tests.bench.protocol_figures import Cost, figures

_FUNCTION = "create function chassis.open_unit("


def function() -> str:
    """Return the function as the last migration that makes it has it."""
    files = sorted((ROOT / "chassis" / "migrations").glob("*.sql"))
    made = [text for each in files if _FUNCTION in (text := each.read_text(encoding="utf-8"))]
    return made[-1].partition(_FUNCTION)[2]


@pytest.mark.parametrize(
    ("name", "gone"),
    [("inbox", "insert into chassis.inbox"), ("locks", "for no key update"), ("fence", "for update")],
)
def test_what_a_variant_leaves_out_is_gone_and_the_rest_stands(name: str, gone: str) -> None:
    [edit] = [each.edit for each in VARIANTS if each.name == name and each.edit is not None]
    edited = edit.apply(function())
    assert gone in function()
    assert gone not in edited
    for other in {"insert into chassis.inbox", "for no key update", "for update", "into epochs"} - {gone}:
        assert other in edited


@pytest.mark.parametrize("text", ["nothing like it", "lock and lock"])
def test_a_place_that_is_not_there_exactly_once_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="places"):
        Edit("lock", "").apply(text)


def test_what_a_part_adds_is_the_median_of_the_differences_of_each_round() -> None:
    # The machine is three times as slow in the second round; the differences are 20, 60 and 30.
    without = {"inbox": (80.0, 240.0, 70.0), "outbox": (90.0, 300.0, 110.0)}
    complete = (100.0, 300.0, 100.0)
    rounds = [
        {
            "unit": Cost(complete[at], 10.0),
            **{name: Cost(values[at], 5.0) for name, values in without.items()},
            "locks": Cost(1.0, 10.0),
            "fence": Cost(1.0, 20.0),
        }
        for at in range(3)
    ]
    told = {each.name: each for each in figures({50: rounds})}
    assert told["protocol.unit.50"].value == 100.0
    assert told["protocol.inbox.50"].value == 30.0
    assert told["protocol.inbox.50"].ratio == pytest.approx(0.2)
    assert told["protocol.outbox.50"].value == 0.0
    assert told["protocol.inbox.50.cpu"].value == 5.0
    assert told["protocol.fence.50.cpu"].value == -10.0
