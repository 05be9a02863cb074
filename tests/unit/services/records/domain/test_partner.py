# SPDX-License-Identifier: Apache-2.0
"""Which versions of partners may be published beside which."""

from dataclasses import replace

from services.records.domain.partner import Partner, faults_of

REGISTRY = Partner(
    partner="registry",
    version=1,
    name="Registry",
    own=True,
    identities=("spiffe://north/a",),
    authorities="x",
)
GONE = Partner(partner="registry", version=2, name="Registry", own=True, withdrawn=True)


def found(*new: Partner, beside: tuple[Partner, ...] = ()) -> set[tuple[str, ...]]:
    return {tuple(each) for each in faults_of(new, {each.partner: each for each in beside})}


def test_what_is_whole_is_published() -> None:
    assert not found(REGISTRY)
    assert not found(GONE, beside=(REGISTRY,))
    assert not found(replace(REGISTRY, version=3), beside=(GONE,))


def test_a_version_comes_behind_the_newest() -> None:
    wanted = {("registry", "version", "must be above 1, the newest that is published")}

    assert found(REGISTRY, beside=(REGISTRY,)) == wanted


def test_who_calls_and_who_vouches_is_needed() -> None:
    reason = "is needed, unless the partner is withdrawn"

    assert found(replace(REGISTRY, identities=(), authorities="")) == {
        ("registry", "identities", reason),
        ("registry", "authorities", reason),
    }


def test_who_is_withdrawn_has_nothing_to_call_by() -> None:
    reason = "must be left out where the partner is withdrawn"

    assert found(replace(REGISTRY, withdrawn=True)) == {
        ("registry", "identities", reason),
        ("registry", "authorities", reason),
    }


def test_another_institution_is_a_partner_as_well() -> None:
    assert not found(replace(REGISTRY, own=False))
    assert not found(replace(GONE, own=False))


def test_an_id_is_of_one_organisation_for_good() -> None:
    """A basis names it."""
    assert {place for _, place, _ in found(replace(REGISTRY, version=2, own=False), beside=(REGISTRY,))} == {
        "own"
    }
    assert not found(replace(REGISTRY, version=2, name="Registry and Archive"), beside=(REGISTRY,))
    again = replace(REGISTRY, version=3, name="Another")
    assert {place for _, place, _ in found(again, beside=(GONE,))} == {"name"}


def test_an_identity_is_of_one_partner() -> None:
    library = replace(REGISTRY, partner="library")
    reason = "must not be those of another partner"

    assert found(library, beside=(REGISTRY,)) == {("library", "identities", reason)}
    assert found(library, REGISTRY) == {(each, "identities", reason) for each in ("library", "registry")}
    assert not found(library, GONE, beside=(REGISTRY,))
    assert not found(library, beside=(GONE,))


def test_an_identity_is_named_once() -> None:
    twice = replace(REGISTRY, identities=("spiffe://north/a", "spiffe://north/a"))

    assert found(twice) == {("registry", "identities", "must name each only once")}
