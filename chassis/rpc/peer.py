# SPDX-License-Identifier: Apache-2.0
"""Reads from a call who makes it."""

from typing import Any

import grpc

from chassis.rpc.caller import Caller, Certified, OnThisMachine, Stranger, is_loopback

# As gRPC names them (grpc/grpc_security_constants.h).
_TRANSPORT, _TLS = "transport_security_type", b"ssl"
_OWN, _CHAIN = "x509_pem_cert", "x509_pem_cert_chain"


def caller_of(context: grpc.aio.ServicerContext[Any, Any]) -> Caller:
    """Return who calls."""
    shown = context.auth_context()
    if _TLS in shown.get(_TRANSPORT, ()):
        own, chain = (b"".join(shown.get(name, ())) for name in (_OWN, _CHAIN))
        # Where gRPC is built with OpenSSL the chain begins behind the caller's own, with BoringSSL at it.
        return Certified(chain if chain.startswith(own) else own + chain) if own else Stranger()
    return OnThisMachine() if is_loopback(context.peer()) else Stranger()
