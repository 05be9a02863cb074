# SPDX-License-Identifier: Apache-2.0
"""The explanation of a determination: the rule's own tree, with what was found at each node."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic.dataclasses import dataclass

from cairn.amounts import Amount
from cairn.events.wire import FROM_WIRE, Revision, Sha256, Slug


class Answer(StrEnum):
    """Three-valued: unknown leads to a person, never to a refusal (I11)."""

    MET = "met"
    NOT_MET = "not_met"
    UNKNOWN = "unknown"


RequirementKind = Literal["all", "any", "n_of", "competency", "credential", "credits"]


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class RuleReference:
    """The exact rule that was applied: its id, version and the hash of its canonical JSON (I1)."""

    rule: Slug
    version: Revision
    hash: Sha256


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class Allotment:
    """The use of one held credential's credits for one requirement."""

    requirement: Slug
    credential: Slug
    amount: Amount
    system: Slug
    level: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=FROM_WIRE)
class Finding:
    """What was found at one requirement.

    ``subject`` is the competency URI, credential id or credit system asked for; ``have`` and
    ``need`` are counts for ``all``, ``any`` and ``n_of`` and credits for ``credits``; ``grounds``
    are the ids of the events that this answer rests on; ``note`` says in one plain sentence why.
    """

    requirement: Slug
    kind: RequirementKind
    title: str
    answer: Answer
    subject: str | None = None
    have: Amount | None = None
    need: Amount | None = None
    grounds: tuple[str, ...] = ()
    note: str = ""
    children: tuple[Finding, ...] = ()
