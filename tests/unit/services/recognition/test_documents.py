# SPDX-License-Identifier: Apache-2.0
"""Reading rule documents: what is refused and where, and one canonical form for one meaning."""

from contextlib import suppress
from datetime import date
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as some
from pydantic import TypeAdapter

from services.recognition.domain.canonical import canonical_version, stored_version
from services.recognition.domain.document import RuleRefusedError, read_rule
from services.recognition.domain.effective import CircleError, EffectiveRules
from services.recognition.domain.plain import PlainAllocator
from services.recognition.domain.publication import faults_of
from services.recognition.domain.requirement import HeldCredential, walk
from services.recognition.domain.rule import Conferral, Rule
from services.recognition.domain.rule_set import RuleSet
from tests.unit.services.recognition.builders import (
    Raw,
    credits_of,
    document,
    holds,
    version,
    wants,
)


def refusal(raw: object) -> list[tuple[str, str]]:
    with pytest.raises(RuleRefusedError) as refused:
        read_rule(raw)
    return [(fault.place, fault.reason) for fault in refused.value.faults]


def elevenths() -> Raw:
    return {"id": "s", "credits": {"amount": "1/11", "system": "cats", "from": ["b"]}}


def with_requirement(requirement: Any) -> Raw:
    return document("a", requirement)


@pytest.mark.parametrize(
    ("requirement", "place", "reason"),
    [
        ({"id": "a", "any": [wants("a"), {"comptency": 1}]}, "requirement.any[1].comptency", "competency"),
        ({"id": "a", "credits": {"amounts": 1}}, "requirement.credits.amounts", "amount"),
        ({"id": "a", "n_of": {"n": 1, "off": []}}, "requirement.n_of.off", "nearest valid key is of"),
        ({"id": "a"}, "requirement", "this one names none"),
        ({"id": "a", "all": [], "any": []}, "requirement", "this one names all and any"),
        ({"id": "a", "all": []}, "requirement.all", "at least 1"),
        (holds("b") | {"min_score": "1"}, "requirement.min_score", "belongs to a competency"),
        (wants("a") | {"min_score": 0.5}, "requirement.min_score", "exact amount"),
        (wants("a") | {"min_score": "2"}, "requirement", "between 0 and 1"),
        ({"id": "a", "n_of": {"n": 2, "of": [wants("a")]}}, "requirement.n_of", "n must not be greater"),
        ({"id": "a", "all": [wants("a"), wants("a")]}, "requirement", "the id c-a names two"),
        ({"id": "a", "all": [credits_of("s", 0, "b")]}, "requirement.all[0].credits", "greater than 0"),
        (credits_of("s", 10**7, "b"), "requirement.credits", "at most 1000000"),
        (elevenths(), "requirement.credits", "1/126000"),
        (credits_of("s", 1, "b", "b"), "requirement.credits", "named once"),
        (credits_of("s", 1), "requirement.credits.from", "at least 1"),
        ("text", "requirement", ""),
        (None, "requirement", ""),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place(requirement: Any, place: str, reason: str) -> None:
    found = refusal(with_requirement(requirement))
    assert found[0][0] == place
    assert reason in found[0][1]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"rule": "Not A Slug"}, "rule"),
        ({"version": 0}, "version"),
        ({"effective_from": date(2020, 1, 2), "effective_to": date(2020, 1, 2)}, ""),
        ({"examples": [{"given": {"competency": []}, "expect": "met"}]}, "examples[0].given.competency"),
        ({"examples": [{"given": {}, "expect": "perhaps"}]}, "examples[0].expect"),
        ({"credential": {"id": "a", "title": "A", "kind": "badge"}}, "credential.kind"),
        ({"reviews": {}}, "reviews"),
    ],
)
def test_a_fault_outside_the_requirement_is_named_too(change: Raw, place: str) -> None:
    assert refusal({**document("a", wants("a")), **change})[0][0] == place


def test_a_document_that_unfolds_without_end_is_refused_at_once() -> None:
    bomb: Any = [wants("a")]
    for _ in range(40):
        bomb = [{"id": "x", "all": bomb}, {"id": "y", "all": bomb}]
    assert "at most" in refusal(with_requirement({"id": "a", "all": bomb}))[0][1]
    deep: Any = wants("a")
    for number in range(100):
        deep = {"id": f"d{number}", "all": [deep]}
    assert "deep" in refusal(with_requirement(deep))[0][1]


@given(some.recursive(some.none() | some.booleans() | some.integers() | some.text(max_size=8) | some.floats(), lambda below: some.lists(below, max_size=3) | some.dictionaries(some.sampled_from(["id", "all", "any", "n_of", "n", "of", "credits", "from", "amount", "rule", "requirement", "x"]), below, max_size=4), max_leaves=12))  # fmt: skip # noqa: E501 - one strategy
@settings(max_examples=150, deadline=None)
def test_whatever_it_is_it_is_read_or_refused(raw: object) -> None:
    for one in (raw, with_requirement(raw)):
        with suppress(RuleRefusedError):
            read_rule(one)


def test_one_meaning_has_one_hash() -> None:
    short = version("a", credits_of("s", 60, "b", "c"))
    raw = document("a", credits_of("s", 60, "c", "b"), review={"due_in_days": 30}, examples=[])
    raw["requirement"]["credits"]["amount"] = "120/2"
    raw["credential"] |= {"conferral": "automatic", "addressee": "registrar"}
    long = canonical_version(read_rule(dict(reversed(raw.items()))))
    assert (short.canonical, short.reference) == (long.canonical, long.reference)
    assert version("a", credits_of("s", 61, "b", "c")).reference != short.reference


def test_the_canonical_form_is_rfc_8785_and_reads_back() -> None:
    requirement = {"id": "a", "title": 'é😀 "\\\u0007', "all": [wants("a"), credits_of("s", 60, "b")]}
    found = version("a", requirement, effective_from=date(2020, 1, 2))
    plain = TypeAdapter(Any).validate_json(found.canonical)
    assert found.canonical.encode() == rfc8785.dumps(plain)
    read = stored_version(found.canonical, found.reference.hash)
    assert (read.rule.requirement, read.reference) == (found.rule.requirement, found.reference)
    assert canonical_version(read.rule).canonical == found.canonical


def test_a_qualification_is_for_a_person_to_confer_unless_its_document_says_otherwise() -> None:
    def conferral(**credential: str) -> Conferral:
        return version("a", wants("a"), credential=credential).rule.credential.conferral

    assert conferral() is Conferral.AUTOMATIC
    assert conferral(kind="diploma") is Conferral.PERSON
    assert conferral(kind="diploma", conferral="automatic") is Conferral.AUTOMATIC


def test_the_greatest_version_in_force_counts() -> None:
    old = version("a", wants("a"), effective_from=date(2020, 1, 1))
    new = canonical_version(
        read_rule(document("a", wants("b"), effective_from=date(2021, 1, 1)) | {"version": 2})
    )
    rules = RuleSet([new, old])
    assert rules.on(date(2019, 12, 31)).rules == ()
    assert [each.reference.version for each in rules.on(date(2020, 12, 31)).rules] == [1]
    assert [each.reference.version for each in rules.on(date(2021, 1, 1)).rules] == [2]
    assert rules.on(date(2021, 1, 1)) is rules.on(date(2030, 1, 1))


def test_rules_are_ordered_by_what_they_rest_on_and_a_circle_has_no_order() -> None:
    chain = [version("a", holds("z")), version("m", wants("x")), version("z", holds("m"))]
    assert [each.credential for each in EffectiveRules(chain).rules] == ["m", "z", "a"]
    with pytest.raises(CircleError, match="a, b"):
        EffectiveRules([version("a", holds("b")), version("b", credits_of("s", 1, "a"))])


def test_the_set_is_looked_at_as_a_whole() -> None:
    def faults(*rules: Any) -> list[tuple[str, str]]:
        return [(fault.rule, fault.place) for fault in faults_of(rules, [], PlainAllocator())]

    assert faults(version("a", holds("b")), version("b", wants("x"))) == []
    assert faults(version("a", holds("b"))) == [("a", "requirement")]
    assert faults(version("a", holds("a"))) == [("a", "requirement")]
    assert faults(version("a", wants("x")), version("b", wants("x"), credential={"id": "a"})) == [
        ("b", "credential.id")
    ]


@pytest.mark.parametrize(
    ("given", "expect", "passes"),
    [
        ({"credentials": [{"credential": "b"}]}, "met", True),
        ({"credentials": [{"credential": "b", "standing": "under_review"}]}, "unknown", True),
        ({}, "not_met", True),
        ({}, "met", False),
    ],
)
def test_an_example_that_fails_keeps_its_rule_from_being_published(
    given: Raw, expect: str, passes: bool
) -> None:
    tried = version("a", credits_of("s", 60, "b"), examples=[{"given": given, "expect": expect}])
    found = list(faults_of([tried, version("b", wants("x"))], [], PlainAllocator()))
    assert [fault.place for fault in found] == ([] if passes else ["examples[0].expect"])


def test_every_rule_can_be_walked() -> None:
    rule: Rule = version("a", {"id": "r", "any": [holds("b"), {"id": "n", "all": [holds("c")]}]}).rule
    assert [one.id for one in walk(rule.requirement) if isinstance(one, HeldCredential)] == ["h-b", "h-c"]
