# SPDX-License-Identifier: Apache-2.0
"""Bounded thought: steps are counted, never timed, so that a limit is the same on any machine (I12)."""


class TooManySteps(Exception):
    """The question was not decided within its steps; a person must."""


class Steps:
    """How many steps are left."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        """Begin with this many."""
        self.left = left

    def take(self) -> None:
        """Take one step; raise TooManySteps when none is left."""
        self.left -= 1
        if self.left < 0:
            raise TooManySteps
