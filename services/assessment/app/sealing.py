# SPDX-License-Identifier: Apache-2.0
"""Envelope encryption of raw payloads.

AES-256-GCM with a random nonce of 96 bits; a data key seals the payloads of one subject, the master
key wraps data keys. What a sealed text belongs to is bound to it: moved to another row, it does not
open. Keys of different purposes are derived from one secret by HKDF (RFC 5869).
"""

import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cairn.ids import TenantId

_NONCE = 12
_KEY = 32


class MasterKey:
    """Wraps data keys; never shown, never stored."""

    __slots__ = ("_cipher",)

    def __init__(self, secret: bytes) -> None:
        """Derive the wrapping key from a secret of at least 32 random bytes."""
        self._cipher = AESGCM(derive(secret, "assessment/wrap"))

    def wrap(self, key: bytes, tenant: TenantId, subject: str) -> bytes:
        """Wrap a data key for storage."""
        return _seal(self._cipher, key, _bound(tenant, subject))

    def unwrap(self, wrapped: bytes, tenant: TenantId, subject: str) -> bytes:
        """Return a stored data key; raises InvalidTag where it was altered or moved."""
        return _open(self._cipher, wrapped, _bound(tenant, subject))


def derive(secret: bytes, purpose: str) -> bytes:
    """Derive the key of one purpose from a secret, by HKDF-SHA256."""
    info = f"cairn/{purpose}".encode()
    return HKDF(algorithm=SHA256(), length=_KEY, salt=None, info=info).derive(secret)


def new_data_key() -> bytes:
    """Make a data key."""
    return AESGCM.generate_key(_KEY * 8)


def seal(key: bytes, payload: bytes, *bound: str) -> bytes:
    """Seal a payload under a data key, bound to what it belongs to."""
    return _seal(AESGCM(key), payload, _bound(*bound))


def unseal(key: bytes, sealed: bytes, *bound: str) -> bytes:
    """Open what :func:`seal` sealed; raises InvalidTag where it was altered or moved."""
    return _open(AESGCM(key), sealed, _bound(*bound))


def _seal(cipher: AESGCM, payload: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + cipher.encrypt(nonce, payload, bound)


def _open(cipher: AESGCM, sealed: bytes, bound: bytes) -> bytes:
    return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound)


def _bound(*parts: str) -> bytes:
    return "\0".join(parts).encode()
