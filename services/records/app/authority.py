# SPDX-License-Identifier: Apache-2.0
"""Who may ask. Until partners can be authenticated, only callers on this machine."""

from dataclasses import dataclass
from typing import Protocol

from chassis.rpc.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as far as the transport can tell."""

    on_loopback: bool


@dataclass(frozen=True, slots=True)
class Permission:
    """What a use case demands before it reads: who is told, by which method, on which legal basis."""

    method: str
    recipient: str
    legal_basis: str


class Authority(Protocol):
    """Decides before anything of the request is looked at (AIP-211)."""

    def authorise(self, caller: Caller, method: str) -> Permission:
        """Return the permission; raise the refusal that tells nothing of what there is."""
        ...


class LoopbackOnly:
    """Lets the operator of this machine read, and nobody else."""

    def authorise(self, caller: Caller, method: str) -> Permission:
        if not caller.on_loopback:
            raise Refusal("PERMISSION_DENIED", f"{method} answers callers on this machine only")
        return Permission(method, recipient="operator", legal_basis="operation of the service")
