# SPDX-License-Identifier: Apache-2.0
"""How many events a second a source may send: the generic cell rate algorithm (ITU-T I.371, annex A).

A batch is taken whole and paid for afterwards, so that none is too large for its rate: what the libraries
for this refuse (``aiolimiter``, ``limits``), since nothing larger than a whole period ever passes there.
"""

# A source that was silent may send so much at once.
_BURST_SECONDS = 1.0


class Rate:
    """The rate of one source in one process."""

    def __init__(self, events_per_second: int) -> None:
        self._each = 1 / events_per_second
        self._paid_at = float("-inf")

    def wait(self, now: float) -> float:
        """Return the seconds until the source may send again, 0 where it may now."""
        return max(0.0, self._paid_at - now - _BURST_SECONDS)

    def charge(self, events: int, now: float) -> None:
        """Let a source pay for events that were taken in."""
        self._paid_at = max(self._paid_at, now) + events * self._each
