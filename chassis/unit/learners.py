# SPDX-License-Identifier: Apache-2.0
"""What identifies a learner: the lock of this key is taken by whoever writes of the learner."""

from cairn.ids import LearnerId, TenantId

LearnerKey = tuple[TenantId, LearnerId]
