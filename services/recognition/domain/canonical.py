# SPDX-License-Identifier: Apache-2.0
"""The canonical form of a rule, and the hash by which the record names it (I1).

Equal meaning gives equal bytes: defaults are written out, amounts are reduced, sources are sorted.
The form is RFC 8785 (JCS); documents hold only texts, integers, lists and mappings with ASCII
keys, for which the standard library writes it.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from cairn.events.explanation import RuleReference
from services.recognition.domain.rule import Rule

_RULE: TypeAdapter[Rule] = TypeAdapter(Rule)


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """One version of a rule with its canonical JSON and the reference that decisions carry."""

    rule: Rule
    canonical: str
    reference: RuleReference


def canonical_version(rule: Rule) -> RuleVersion:
    """Write a rule in its canonical form and hash it."""
    document = _normal(_RULE.dump_python(rule, mode="json", by_alias=True))
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return RuleVersion(rule, text, RuleReference(rule=rule.rule, version=rule.version, hash=digest))


def stored_version(text: str, digest: str) -> RuleVersion:
    """Read a canonical document that was stored under its hash."""
    rule = _RULE.validate_json(text)
    return RuleVersion(rule, text, RuleReference(rule=rule.rule, version=rule.version, hash=digest))


def _normal(value: Any) -> Any:
    match value:
        case dict():
            kept = {key: _normal(below) for key, below in value.items() if below is not None}
            if "from" in kept:
                kept["from"] = sorted(kept["from"])
            return kept
        case list():
            return [_normal(item) for item in value]
        case _:
            return value
