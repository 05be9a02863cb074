# SPDX-License-Identifier: Apache-2.0
"""Who calls, as far as the transport can tell."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OnThisMachine:
    """Somebody who came over loopback to a server that asks for no certificate."""


@dataclass(frozen=True, slots=True)
class Certified:
    """Somebody whom an authority of the server's vouches for; ``chain`` is in PEM, the caller's own first."""

    chain: bytes


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody of whom nothing is known."""


Caller = OnThisMachine | Certified | Stranger


def is_loopback(peer: str) -> bool:
    """Tell whether a gRPC peer, as the context names it, is on this machine."""
    kind, _, address = peer.partition(":")
    match kind:
        case "unix":
            return True
        case "ipv4":
            return address.startswith("127.")
        case "ipv6":
            return address.replace("%5B", "[").replace("%5D", "]").startswith("[::1]")
        case _:
            return False
