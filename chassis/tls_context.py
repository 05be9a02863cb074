# SPDX-License-Identifier: Apache-2.0
"""Contexts of OpenSSL made from what files held, so that a key is never written anywhere else."""

import os
import ssl


def load_chain(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Have a context show a certificate with its chain; raises ssl.SSLError or OSError."""
    descriptor = os.memfd_create("certificate")
    with os.fdopen(descriptor, "wb") as file:
        # The certificate first: a file with a key may hold others.
        file.write(certificate + b"\n" + key)
        file.flush()
        # A key under a passphrase is refused: OpenSSL would ask for it on a terminal, and wait.
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password="")


def reason_of(error: Exception) -> str:
    """Return why OpenSSL did not take something, in a word of its own that shows nothing of it."""
    return getattr(error, "reason", None) or type(error).__name__
