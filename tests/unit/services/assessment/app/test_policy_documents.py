# SPDX-License-Identifier: Apache-2.0
"""Policy documents: one meaning, one hash; anything else is refused by place."""

import json

import pytest
import yaml

from services.assessment.app.policy_documents import InvalidDocument, read_canonical, read_policy

DOCUMENT = """
policy: algebra
competency: https://example.org/competency/algebra
title: Algebra
version: 1
method: weighted_mean
threshold: "0.40"
activities:
  - {activity: "https://example.org/activity/1", weight: "2.50"}
bands: {scheme: letters, levels: [{band: pass, at: "0.4"}, {band: distinction, at: "0.85"}]}
"""


def test_the_hash_is_of_what_a_document_means_and_not_of_how_it_is_written() -> None:
    version = read_policy(DOCUMENT)
    as_json = json.dumps(yaml.safe_load(DOCUMENT) | {"threshold": "2/5", "attempts": "highest"})
    assert read_policy(as_json).hash == version.hash
    assert read_canonical(version.canonical) == version.policy
    assert read_policy(DOCUMENT.replace("Algebra", "Algebra I")).hash != version.hash


@pytest.mark.parametrize(
    ("old", "new", "place", "told"),
    [
        ("threshold:", "treshold:", "treshold", "threshold"),
        ("weight:", "wheight:", "activities[0].wheight", "weight"),
        ("scheme:", "schema:", "bands.schema", "scheme"),
        ("band: pass", "brand: pass", "bands.levels[0].brand", "band"),
        ('"0.40"', "0.40", "threshold", "exact amount"),
        ('"0.40"', '"1.1"', "", "threshold must lie between 0 and 1"),
        ('"2.50"', '"0"', "activities[0]", "weight must be greater than 0"),
        ("version: 1", "version: 0", "version", "greater than or equal to 1"),
        ("weighted_mean", "median", "method", "highest"),
        ('"0.85"', '"0.4"', "bands", "levels must ascend"),
        ("title: Algebra", "title: Algebra\ntitle: Geometry", "", "repeated at line 5"),
        ("policy: algebra", "policy: [", "", "neither YAML nor JSON"),
        ("policy: algebra", "policy: !!python/object:os.system x", "", "neither YAML nor JSON"),
    ],
)
def test_a_fault_is_told_with_its_place(old: str, new: str, place: str, told: str) -> None:
    with pytest.raises(InvalidDocument) as refused:
        read_policy(DOCUMENT.replace(old, new, 1))
    found = {each.field: each.description for each in refused.value.violations}
    assert told in found[place]
