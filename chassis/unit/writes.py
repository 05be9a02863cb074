# SPDX-License-Identifier: Apache-2.0
"""What a unit of work writes: gathered while it works, and carried out in one statement as it ends.

A small unit costs its round trips and hardly anything else. Nothing reads what is written here before
the commit, and every row is locked by then or new, so the order of the writes is of no account.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from typing import Any

from chassis.database import Connection

_parameter = re.compile(r"\$([0-9]+)")


class Writes:
    """Statements that insert, update or delete, with their parameters."""

    def __init__(self) -> None:
        """Begin with nothing to write."""
        self._statements: list[str] = []
        self._parameters: list[Iterable[Any]] = []

    def add(self, statement: str, *parameters: Any) -> None:
        """Add one statement; its parameters are numbered from 1 and say their types, as in ``$1::text[]``."""
        self._statements.append(statement)
        self._parameters.append(parameters)

    async def carry_out(self, connection: Connection, last: str, *parameters: Any) -> None:
        """Carry everything out, and ``last``, which selects, with it."""
        together = _together((*self._statements, last))
        await connection.execute(together, *chain.from_iterable(self._parameters), *parameters)


@lru_cache(maxsize=64)
def _together(statements: tuple[str, ...]) -> str:
    """Return one statement of all; a part of a WITH that writes is carried out whether or not it is read."""
    shifted: list[str] = []
    before = 0
    for statement in statements:
        shifted.append(_parameter.sub(lambda found: f"${int(found[1]) + before}", statement))  # noqa: B023
        before += max((int(number) for number in _parameter.findall(statement)), default=0)
    *writes, last = shifted
    named = ",\n".join(f"write_{number} as ({write})" for number, write in enumerate(writes))
    return f"with {named}\n{last}" if named else last
