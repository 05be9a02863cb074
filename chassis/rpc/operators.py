# SPDX-License-Identifier: Apache-2.0
"""Who may operate a service: whoever is on its machine, or whom a certificate of its operators names."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Protocol

from chassis.rpc.authorities import Authorities
from chassis.rpc.caller import Caller, Certified, OnThisMachine
from chassis.rpc.refusal import Refusal


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

    def authorise(self, caller: Caller) -> str:
        if isinstance(caller, Certified):
            named = self._authorities().identities(caller.chain, self._clock()) & self._identities
            if named:
                return min(named)
        raise Refusal("PERMISSION_DENIED", "the caller is no operator of this service")
