# SPDX-License-Identifier: Apache-2.0
"""Opaque identifiers and the one way in which derived ids are made.

Nothing that a platform, a person or a registry calls somebody by is ever one of these: an
identifier from outside becomes a :data:`LearnerId` by a keyed hash, at intake alone.
"""

import re
from collections.abc import Iterable
from hashlib import sha1
from typing import Annotated, NewType
from uuid import UUID

from pydantic import StringConstraints

TenantId = NewType("TenantId", str)
LearnerId = NewType("LearnerId", str)

OPERATOR = TenantId("operator")
"""Whose the dead letter of a record is that names nobody."""

OPAQUE = r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$"
_opaque = re.compile(OPAQUE)

Tenant = Annotated[TenantId, StringConstraints(pattern=OPAQUE)]
Learner = Annotated[LearnerId, StringConstraints(pattern=OPAQUE)]

# The namespace of every id that Cairn derives; changing it changes every derived id.
_DERIVED = UUID("6a1c4a53-52a7-5d6c-9d0e-0c4f5b0f7c11")
_derived = sha1(_DERIVED.bytes, usedforsecurity=False)
# RFC 9562 section 4.1: the variant takes the two highest bits of its digit.
_variant = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


def is_opaque(text: str) -> bool:
    """Tell whether a text may stand in a topic key: lower-case letters, digits, inner hyphens."""
    return _opaque.fullmatch(text) is not None


def topic_key(tenant: TenantId, learner: LearnerId) -> bytes:
    """Return the key under which everything about one learner is ordered."""
    return f"{tenant}/{learner}".encode()


def derived_id(
    tenant: TenantId, learner: LearnerId, subject: str, revision: int, grounds: Iterable[str]
) -> str:
    """Return the text of the UUIDv5 of a derived thing: the same grounds give the same id, on any machine.

    ``subject`` says what kind of thing it is and of what (``attainment:<competency URI>``);
    ``grounds`` are the event ids that it follows from, in any order.
    """
    name = "\n".join((tenant, learner, subject, str(revision), *sorted(set(grounds))))
    # As uuid.uuid5 does it (RFC 9562 section 5.5), from a hash that has the namespace in it already, and
    # without the object that it would make: every stage derives an id of whatever it handles.
    hashed = _derived.copy()
    hashed.update(name.encode())
    digits = hashed.hexdigest()
    variant = _variant[digits[16]]
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:32]}"
