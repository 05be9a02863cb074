# SPDX-License-Identifier: Apache-2.0
"""How often a log says what happens at every call of somebody who is refused."""

from datetime import datetime, timedelta

# A caller who is refused comes again, and one line says as much as a thousand.
_BETWEEN_LINES = timedelta(minutes=1)


class Seldom:
    """Tells once a minute that it is time for a line."""

    def __init__(self) -> None:
        self._quiet_until: datetime | None = None

    def now(self, at: datetime) -> bool:
        """Tell whether a line may be written, which keeps the next minute quiet."""
        if self._quiet_until is not None and at < self._quiet_until:
            return False
        self._quiet_until = at + _BETWEEN_LINES
        return True
