# SPDX-License-Identifier: Apache-2.0
"""A partner: who may ask for an institution's record, and by which certificates it is known.

A published version is immutable. The newest version of a partner is the one that holds; a withdrawn
one ends it, and whoever called by it is nobody.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, NamedTuple

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from cairn.events.wire import Slug

_LONGEST_NAME = 200
# What a certificate holds as a URI is an IA5String (RFC 5280, 4.2.1.6), and is compared byte by byte.
Identity = Annotated[str, Field(max_length=2048, pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$")]
Flag = Annotated[bool, Field(strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Partner:
    """One version of a partner, as its document says it."""

    partner: Slug
    version: Annotated[int, Field(strict=True, ge=1, lt=2**31)]
    name: Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME)]
    own: Flag = False
    """Whether it is the institution itself; another one is told what a sharing basis lets it see."""
    withdrawn: Flag = False
    identities: tuple[Identity, ...] = ()
    """The URIs of the certificates that speak for it (subject alternative names)."""
    authorities: str = ""
    """Certificates, in PEM, of those who vouch for its identities."""


class Fault(NamedTuple):
    """What is wrong with a version of a partner, and in which key of its document."""

    partner: str
    place: str
    reason: str


def faults_of(new: Sequence[Partner], newest: Mapping[str, Partner]) -> Iterator[Fault]:
    """Yield why versions cannot be published beside the ``newest`` ones, which are by partner."""
    standing = {**newest, **{each.partner: each for each in new}}
    shared = _shared(standing.values())
    for each in new:
        yield from _of_one(each)
        before = newest.get(each.partner)
        if before is not None and each.version <= before.version:
            reason = f"must be above {before.version}, the newest that is published"
            yield Fault(each.partner, "version", reason)
        if before is not None:
            yield from _of_another(each, before)
        if shared & set(each.identities):
            yield Fault(each.partner, "identities", "must not be those of another partner")


def _of_one(each: Partner) -> Iterator[Fault]:
    for place, value in (("identities", each.identities), ("authorities", each.authorities)):
        if each.withdrawn and value:
            yield Fault(each.partner, place, "must be left out where the partner is withdrawn")
        if not each.withdrawn and not value:
            yield Fault(each.partner, place, "is needed, unless the partner is withdrawn")
    if len(set(each.identities)) < len(each.identities):
        yield Fault(each.partner, "identities", "must name each only once")


def _of_another(each: Partner, before: Partner) -> Iterator[Fault]:
    """Yield why a version must be of another organisation than the one before: whom a basis names stays."""
    if each.own != before.own:
        yield Fault(each.partner, "own", "must be as before: another organisation is a partner of its own")
    if (each.withdrawn or before.withdrawn) and each.name != before.name:
        reason = (
            f"must be {before.name} where it is withdrawn, and behind that: another is a partner of its own"
        )
        yield Fault(each.partner, "name", reason)


def _shared(standing: Iterable[Partner]) -> set[str]:
    """Return the identities that more than one partner has: whose calls they are could not be told."""
    holders = Counter(identity for each in standing for identity in set(each.identities))
    return {identity for identity, count in holders.items() if count > 1}
