# SPDX-License-Identifier: Apache-2.0
"""A backlog is gone once it rose, and four looks in a row see no more than usual."""

import pytest

from tests.bench.backlog import Look, gone_at


def looks(*under_way: int | None) -> list[Look]:
    return [Look(float(at), each) for at, each in enumerate(under_way)]


@pytest.mark.parametrize(
    ("seen", "wanted"),
    [
        ((5, 5, 5, 5, 5, 5), None),  # never rose
        ((5, 20, 30, 10, 10, 10), None),  # not back for long enough
        ((5, 20, 30, 10, 10, 10, 10), 3.0),
        ((5, 5, 5, 5, 20, 5, 5, 5, 5, 5), 5.0),  # what was before it rose is no recovery
        ((20, 9, 9, 9, 11, 9, 9, 9, 9), 5.0),  # back and above again
        ((5, None, None, 5, 5, 5, 5), 3.0),  # who does not answer is not back
        ((20, 9, 9, None, 9, 9, 9, 9), 4.0),
    ],
)
def test_the_instant(seen: tuple[int | None, ...], wanted: float | None) -> None:
    assert gone_at(looks(*seen), usual=10) == wanted
