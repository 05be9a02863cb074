# SPDX-License-Identifier: Apache-2.0
"""Who may operate a service: whoever is on its machine, or whom a certificate of its operators names."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Protocol

import structlog

from chassis.rpc.authorities import Authorities, Vouched
from chassis.rpc.caller import Caller, Certified, OnThisMachine
from chassis.rpc.refusal import Refusal
from chassis.rpc.seldom import Seldom

log = structlog.get_logger()


class Operators(Protocol):
    """Decides before anything of a request is looked at (AIP-211)."""

    def authorise(self, caller: Caller) -> str:
        """Return how an operator is known, empty where only by what is said; raise the refusal of others."""
        ...


class OperatorsHere:
    """Everybody who is on this machine; who that is they say themselves."""

    def authorise(self, caller: Caller) -> str:
        if isinstance(caller, OnThisMachine):
            return ""
        raise Refusal("PERMISSION_DENIED", "only callers on this machine may ask")


class CertifiedOperators:
    """Those whom a certificate of the operators' own authorities names, by one of some identities."""

    def __init__(
        self,
        authorities: Callable[[], Authorities],
        identities: Collection[str],
        clock: Callable[[], datetime],
    ) -> None:
        """Begin; ``identities`` are URIs, and ``authorities`` tells the bundle as it is now."""
        self._authorities = authorities
        self._identities = frozenset(identities)
        self._clock = clock
        self._seldom = Seldom()

    def authorise(self, caller: Caller) -> str:
        now = self._clock()
        if isinstance(caller, Certified):
            vouched = self._authorities().vouched(caller.chain, now)
            if named := vouched.identities & self._identities:
                return min(named)
            self._tell(vouched, now)
        raise Refusal("PERMISSION_DENIED", "the caller is no operator of this service")

    def _tell(self, vouched: Vouched, now: datetime) -> None:
        """Say why, for who has to find out whose certificate is not right; the caller is not told."""
        if self._seldom.now(now):
            reason = vouched.reason or "none of its identities is in OPERATOR_IDENTITIES"
            log.warning("no operator", reason=reason, identities=sorted(vouched.identities))
