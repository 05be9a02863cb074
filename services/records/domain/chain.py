# SPDX-License-Identifier: Apache-2.0
"""The learner's hash chain: nobody can alter, drop or insert an entry without breaking it."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

BEGINNING = bytes(32)
"""What stands before a learner's first entry."""


@dataclass(frozen=True, slots=True)
class Link:
    """One stored entry as the chain sees it."""

    sequence: int
    canonical: bytes
    previous_hash: bytes
    hash: bytes


def link_hash(previous_hash: bytes, canonical: bytes) -> bytes:
    """Return the hash that closes the chain up to an entry."""
    return sha256(previous_hash + canonical).digest()


def verify_chain(links: Iterable[Link]) -> int | None:
    """Return the sequence number at which a learner's chain is first broken, None when it is whole.

    Takes the entries from the first on, in order of sequence. That the last one is not missing can
    only be told from outside, by its hash.
    """
    previous = BEGINNING
    for expected, link in enumerate(links, start=1):
        whole = (
            link.sequence == expected
            and link.previous_hash == previous
            and link.hash == link_hash(previous, link.canonical)
        )
        if not whole:
            return expected
        previous = link.hash
    return None
