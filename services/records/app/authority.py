# SPDX-License-Identifier: Apache-2.0
"""Who may ask. Until partners can be told apart, only operators."""

from dataclasses import dataclass
from typing import Protocol

from chassis.rpc.caller import Caller
from chassis.rpc.operators import Operators


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


class OperatorsOnly:
    """Lets the operators of the service read, and nobody else."""

    def __init__(self, operators: Operators) -> None:
        self._operators = operators

    def authorise(self, caller: Caller, method: str) -> Permission:
        known_as = self._operators.authorise(caller) or "operator"
        return Permission(method, recipient=known_as, legal_basis="operation of the service")
