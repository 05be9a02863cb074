# SPDX-License-Identifier: Apache-2.0
"""A partner's document is read strictly: each fault by its place, nothing of it taken silently."""

import json
from typing import Any

import pytest

from chassis.documents import Document
from chassis.rpc.refusal import Refusal
from services.records.app.partner_documents import read_canonical, read_documents
from tests.certificates import Authority

PEM = Authority("north").pem.decode()
REGISTRY: dict[str, Any] = {
    "partner": "registry",
    "version": 1,
    "name": "Registry",
    "own": True,
    "identities": ["spiffe://north/registry"],
    "authorities": PEM,
}


def violations(*texts: str) -> list[tuple[str, str]]:
    with pytest.raises(Refusal) as refused:
        read_documents([Document(f"{number}.yaml", text) for number, text in enumerate(texts)])
    return [(each.field, each.description) for each in refused.value.violations]


def written(**changed: Any) -> str:
    return json.dumps({key: value for key, value in (REGISTRY | changed).items() if value is not None})


def test_how_it_is_written_changes_no_hash() -> None:
    indented = PEM.replace("\n", "\n  ").rstrip(" ")
    yaml = f"""
version: 1
partner: registry
name: Registry
own: yes
withdrawn: no
identities: [ 'spiffe://north/registry' ]
authorities: |
  {indented}"""

    first, second = (read_documents([Document("", text)])[0] for text in (written(), yaml))

    assert first == second
    assert read_canonical(first.canonical) == first.partner


@pytest.mark.parametrize(
    ("text", "field", "description"),
    [
        ("[", "", "this is neither YAML nor JSON"),
        ("[1]", "", "dictionary"),
        (written(identity="x"), ".identity", "is not a key here; the nearest one is identities"),
        (written(name=None), ".name", "required"),
        (written(name=""), ".name", "at least 1"),
        (written(version=True), ".version", "valid integer"),
        (written(own="yes"), ".own", "valid boolean"),
        (written(identities=["spiffe://north/ü"]), ".identities[0]", "match pattern"),
        (written(identities=["spiffe://north/a\0"]), ".identities[0]", "match pattern"),
        (written(authorities=PEM + "\ud800"), ".authorities", "nothing else"),
        (
            written(authorities=PEM + Authority("n").client("a:b").key.decode()),
            ".authorities",
            "nothing else",
        ),
        (
            written(authorities=PEM + PEM.replace(" CERT", " TRUSTED CERT")),
            ".authorities",
            "must hold certificates in PEM, and nothing else",
        ),
        (written(version=0), ".version", "greater than or equal to 1"),
        (written(partner="North Registry"), ".partner", "match pattern"),
        (written(identities=["registry"]), ".identities[0]", "match pattern"),
        (written(authorities="none"), ".authorities", "must hold one or more certificates in PEM"),
        (
            written(authorities=Authority("n").client("a:b").certificate.decode()),
            ".authorities",
            "must hold certificates of authorities",
        ),
    ],
)
def test_a_fault_is_named_by_its_place(text: str, field: str, description: str) -> None:
    ((at, said),) = violations(text)

    assert at == f"documents[0]{field}"
    assert said.startswith("0.yaml: ")
    assert description in said


def test_the_faults_of_every_document_come_together() -> None:
    assert [at for at, _ in violations(written(name=None), written(), written(version=0))] == [
        "documents[0].name",
        "documents[2].version",
    ]


def test_a_partner_comes_once() -> None:
    assert violations(written(), written(version=2)) == [
        ("documents", "one version of a partner is published at a time")
    ]
    assert violations() == [("documents", "at least one document is needed")]
