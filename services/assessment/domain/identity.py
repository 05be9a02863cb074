# SPDX-License-Identifier: Apache-2.0
"""Identity: a platform's identifier of a person becomes an opaque learner id.

The id is an HMAC under the tenant's identity key, so that whoever holds a list of e-mail addresses
but not the key learns nothing from the ids. Intake and register derive it alike.
"""

import hmac

from cairn.events.native import LearnerIdentifier
from cairn.ids import LearnerId

_LENGTH = 32  # 128 bits: no two learners of any institution meet by chance


def learner_id(key: bytes, identifier: LearnerIdentifier, generation: int = 0) -> LearnerId:
    """Derive the learner id of an outside identifier; an erasure raises the generation."""
    said = f"{identifier.issuer}\0{identifier.kind}\0{identifier.value}\0{generation}"
    keyed = hmac.digest(key, said.encode(), "sha256")
    return LearnerId("l" + keyed.hex()[:_LENGTH])
