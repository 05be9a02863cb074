# SPDX-License-Identifier: Apache-2.0
"""Learner facts: what the register knows of a learner besides results.

Carried by ``learner.facts.v1``. Like results they are facts: never changed, only followed by others,
in any order of arrival. An identifier from outside travels only as the keyed hash that a learner
id is made of.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from cairn.events.wire import FROM_WIRE, Instant, Slug
from cairn.ids import Learner, Tenant


class EnrolmentStatus(StrEnum):
    """Where a learner stands in a programme."""

    ADMITTED = "admitted"
    ENROLLED = "enrolled"
    INTERRUPTED = "interrupted"
    COMPLETED = "completed"
    LEFT = "left"


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class EnrolmentStated:
    """A learner's status in one version of a programme, from a day on.

    Of two statements about one programme the one with the later ``effective_on`` holds, and of two
    of one day the greater ``version``; ``version`` counts the register's statements from 1.
    """

    tenant: Tenant
    learner: Learner
    fact_id: str
    programme: Slug
    programme_version: Slug
    status: EnrolmentStatus
    effective_on: date
    version: Annotated[int, Field(ge=1, lt=2**31)]
    as_of: Instant


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class LearnersLinked:
    """Two learner ids are one person: what either has counts for both, until they are separated.

    ``learner`` is the id that stays, ``alias`` the one that leads to it.
    """

    tenant: Tenant
    learner: Learner
    fact_id: str
    alias: Learner
    as_of: Instant


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class LearnersSeparated:
    """A link was a mistake: the facts go back to the ids that they came with."""

    tenant: Tenant
    learner: Learner
    fact_id: str
    alias: Learner
    as_of: Instant


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class LearnerErased:
    """The learner's personal data is erased: every service destroys the keys that it holds of them."""

    tenant: Tenant
    learner: Learner
    fact_id: str
    as_of: Instant


LearnerFact = EnrolmentStated | LearnersLinked | LearnersSeparated | LearnerErased

type_of_fact = {
    "org.cairn.learner.enrolment.stated.v1": EnrolmentStated,
    "org.cairn.learner.identity.linked.v1": LearnersLinked,
    "org.cairn.learner.identity.separated.v1": LearnersSeparated,
    "org.cairn.learner.identity.erased.v1": LearnerErased,
}
