# SPDX-License-Identifier: Apache-2.0
"""Masks: what is in both of two leaves, and nothing else."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.records.domain.mask import EVERYTHING, Mask, both, read_mask, written

NAMES = ("a", "b", "c")
WHOLE = [path for length in (1, 2, 3) for path in product(NAMES, repeat=length)]
paths = st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(".".join), max_size=5)


def leaves(mask: Mask) -> set[tuple[str, ...]]:
    """Return what a mask holds of a tree that is three deep."""
    return {leaf for leaf in WHOLE if len(leaf) == 3 and any(leaf[: len(path)] == path for path in mask)}


@given(paths, paths)
def test_both_holds_what_each_holds(one: list[str], other: list[str]) -> None:
    left, right = read_mask(tuple(one)), read_mask(tuple(other))

    assert leaves(both(left, right)) == leaves(left) & leaves(right)
    assert both(left, right) == both(right, left)


@given(paths)
def test_a_mask_is_read_as_it_is_written(some: list[str]) -> None:
    mask = read_mask(tuple(some))

    assert read_mask(tuple(written(mask))) == mask
    assert leaves(mask) == {leaf for leaf in leaves(EVERYTHING) if any(is_in(leaf, path) for path in some)}
    assert both(mask, EVERYTHING) == mask


def is_in(leaf: tuple[str, ...], path: str) -> bool:
    return ".".join(leaf).startswith(path)


@pytest.mark.parametrize(
    ("some", "wanted"),
    [
        (("*",), ["*"]),
        (("awards.*",), ["awards"]),
        (("awards.*.title", "awards"), ["awards"]),
        (("awards.*.title", "credits"), ["awards.*.title", "credits"]),
        ((), []),
    ],
)
def test_what_is_held_whole_needs_no_path_inside(some: tuple[str, ...], wanted: list[str]) -> None:
    assert written(read_mask(some)) == wanted
