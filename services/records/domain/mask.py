# SPDX-License-Identifier: Apache-2.0
"""Which fields of an answer leave: paths of names, where a path stands for all that lies below it.

Written as in AIP-161: names with dots between, ``*`` for each of several.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

EACH = "*"
Path: TypeAlias = tuple[str, ...]
Mask: TypeAlias = frozenset[Path]
"""No path of it begins with another one."""

EVERYTHING: Mask = frozenset({()})
# It stands in the log, and is read at each call.
_MOST_LETTERS = 1000
TOO_LONG = f"must have paths of at most {_MOST_LETTERS} letters together"


def read_mask(paths: Iterable[str]) -> Mask:
    """Read paths; what lies at the end of one for each of several is all of them."""
    return _least(_path(path) for path in paths)


def is_too_long(paths: Iterable[str]) -> bool:
    """Tell whether paths, with what stands between them, are longer than a mask may be."""
    return sum(len(path) + 1 for path in paths) > _MOST_LETTERS


def both(one: Mask, other: Mask) -> Mask:
    """Return what is in two masks."""
    return _least(max(left, right, key=len) for left in one for right in other if _nested(left, right))


def below(mask: Mask) -> Mapping[str, Mask]:
    """Return what a mask has of each name that it begins with; EVERYTHING is of no name."""
    found: dict[str, set[Path]] = {}
    for path in mask:
        if path:
            found.setdefault(path[0], set()).add(path[1:])
    return {name: frozenset(paths) for name, paths in found.items()}


def written(mask: Mask) -> list[str]:
    """Write a mask as its paths, in order."""
    return sorted(".".join(path) or EACH for path in mask)


def _path(text: str) -> Path:
    steps = text.split(".")
    while steps and steps[-1] == EACH:
        steps.pop()
    return tuple(steps)


def _least(paths: Iterable[Path]) -> Mask:
    found = set(paths)
    return frozenset(path for path in found if not any(path[:length] in found for length in range(len(path))))


def _nested(left: Path, right: Path) -> bool:
    shared = min(len(left), len(right))
    return left[:shared] == right[:shared]
