# SPDX-License-Identifier: Apache-2.0
"""Which authorities a TLS server is given, where they come from several bundles.

It looks for the issuer of a certificate by name, takes the first that it finds and does not go on to another
one of that name if its key has not signed. Only key identifiers that differ keep two of one name apart
(RFC 5280, 4.2.1.1 and 4.2.1.2).
"""

from collections.abc import Iterable, Iterator
from itertools import combinations, product

from cryptography.x509 import Certificate, ExtensionNotFound, Name, SubjectKeyIdentifier

from chassis.rpc.certificates import UNREADABLE


def rivals(certificates: Iterable[Certificate]) -> bool:
    """Tell whether of two authorities one could be taken for the other."""
    return any(_could_be_taken(*pair) for pair in combinations(certificates, 2))


def confusable(certificates: Iterable[Certificate], believed: Iterable[Certificate]) -> bool:
    """Tell whether one of some authorities could be taken for one of others, or the other way round."""
    return any(_could_be_taken(*pair) for pair in product(certificates, believed))


def apart(certificates: Iterable[Certificate]) -> Iterator[Certificate]:
    """Yield each authority once, but for those that could be taken for one before them."""
    taken: dict[object, list[Certificate]] = {}
    for each in certificates:
        namesakes = taken.setdefault(_compared(each.subject), [])
        if each not in namesakes and not any(_could_be_taken(each, other) for other in namesakes):
            namesakes.append(each)
            yield each


def _could_be_taken(one: Certificate, other: Certificate) -> bool:
    if _compared(one.subject) != _compared(other.subject) or one.public_key() == other.public_key():
        return False
    known = [_key_identifier(each) for each in (one, other)]
    return None in known or known[0] == known[1]


def _compared(name: Name) -> object:
    """Return a name as it is compared: case and white space do not count (RFC 5280, 7.1)."""
    return tuple(
        frozenset((each.oid.dotted_string, " ".join(str(each.value).lower().split())) for each in rdn)
        for rdn in name.rdns
    )


def _key_identifier(certificate: Certificate) -> bytes | None:
    try:
        return certificate.extensions.get_extension_for_class(SubjectKeyIdentifier).value.digest
    except (ExtensionNotFound, *UNREADABLE):
        return None
