# SPDX-License-Identifier: Apache-2.0
"""When a backlog that rose is gone again."""

from collections.abc import Iterable
from dataclasses import dataclass

# One look may fall into the pause between two units.
IN_A_ROW = 4


@dataclass(frozen=True, slots=True)
class Look:
    """How much was under way at an instant; nothing where nobody answered."""

    at: float
    under_way: int | None


def gone_at(looks: Iterable[Look], usual: int) -> float | None:
    """Return the first instant, after the backlog rose above the usual, of four looks that see it back.

    None where it has not risen, or is not back yet.
    """
    risen = False
    back: list[float] = []
    for look in looks:
        above = look.under_way is None or look.under_way > usual
        risen = risen or above
        back = [] if above else [*back, look.at]
        if risen and len(back) == IN_A_ROW:
            return back[0]
        back = back if risen else []
    return None
