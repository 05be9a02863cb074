# SPDX-License-Identifier: Apache-2.0
"""How many watches are open at once, of one caller and of all together.

Each looks for what is new every second, and holds a chunk of the record for as long as its caller does not
read: without a bound one caller could take the memory and the database of all others.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog

from cairn.ids import TenantId
from chassis.rpc.refusal import LimitReached
from chassis.rpc.seldom import Seldom
from services.records.app.authority import Permission

AGAIN_SECONDS = 5

_Caller = tuple[TenantId | None, str]
log = structlog.get_logger()


class OpenWatches:
    """Keeps count of the watches of this process."""

    def __init__(self, most: int, most_of_one: int, clock: Callable[[], datetime]) -> None:
        """Begin with none; ``most`` are of all callers together, ``most_of_one`` of each."""
        self._most = most
        self._most_of_one = most_of_one
        self._clock = clock
        self._open: Counter[_Caller] = Counter()
        self._seldom = Seldom()

    @contextmanager
    def one(self, permission: Permission, tenant: TenantId) -> Iterator[None]:
        """Count a watch as open while the block lasts; raises LimitReached where there is no room for it."""
        caller = _caller(permission, tenant)
        self._check(caller)
        self._open[caller] += 1
        try:
            yield
        finally:
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]

    def _check(self, caller: _Caller) -> None:
        if self._open[caller] >= self._most_of_one:
            raise self._reached(caller, "the caller has as many watches open as one may have")
        if self._open.total() >= self._most:
            raise self._reached(caller, "as many watches are open as this process keeps")

    def _reached(self, caller: _Caller, reason: str) -> LimitReached:
        tenant, name = caller
        if self._seldom.now(self._clock()):
            log.warning("watch refused", tenant=tenant, caller=name, reason=reason)
        return LimitReached(reason, AGAIN_SECONDS)


def _caller(permission: Permission, tenant: TenantId) -> _Caller:
    """Return who watches: a partner whatever its version, or an operator whatever the institution."""
    if permission.partner is not None:
        return tenant, permission.partner.partner
    return None, permission.recipient
