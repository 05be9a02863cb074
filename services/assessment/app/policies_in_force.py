# SPDX-License-Identifier: Apache-2.0
"""A tenant's published policies, made ready for the fold and looked up by activity and competency."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from cairn.events.attainment import PolicyReference
from services.assessment.domain.mastery.terms import Terms, terms_at, terms_of
from services.assessment.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class PoliciesInForce:
    """All published versions of a tenant's policies."""

    competencies_of: Mapping[str, tuple[str, ...]]
    """Activity → the competencies of which a policy version lists it, sorted."""
    versions_of: Mapping[str, tuple[Terms, ...]]
    published_at: Mapping[int, tuple[str, ...]]
    """Epoch → the competencies of which it published a version, sorted."""

    def terms(self, competency: str, as_of: datetime) -> Terms | None:
        """Return the version that holds as of an instant, if one does."""
        return terms_at(self.versions_of.get(competency, ()), as_of)

    def version(self, competency: str, reference: PolicyReference) -> Terms | None:
        """Return a published version, whether it is in force or not."""
        versions = self.versions_of.get(competency, ())
        return next((terms for terms in versions if terms.reference == reference), None)


def policies_in_force(
    published: Iterable[tuple[Policy, PolicyReference, int]], zone: tzinfo
) -> PoliciesInForce:
    """Make policies, each with the epoch of its publication, ready for the fold in the tenant's time zone."""
    versions: dict[str, list[Terms]] = {}
    listed: dict[str, set[str]] = {}
    at: dict[int, set[str]] = {}
    for policy, reference, epoch in published:
        at.setdefault(epoch, set()).add(policy.competency)
        versions.setdefault(policy.competency, []).append(terms_of(policy, reference, zone))
        for counted in policy.activities:
            listed.setdefault(counted.activity, set()).add(policy.competency)
    return PoliciesInForce(
        {activity: tuple(sorted(competencies)) for activity, competencies in listed.items()},
        {competency: tuple(found) for competency, found in versions.items()},
        {epoch: tuple(sorted(competencies)) for epoch, competencies in at.items()},
    )
