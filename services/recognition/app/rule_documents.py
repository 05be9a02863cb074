# SPDX-License-Identifier: Apache-2.0
"""From the texts of a request to rule versions; every fault of every text is named at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from chassis.rpc.refusal import Violation, invalid
from services.recognition.domain.canonical import RuleVersion, canonical_version
from services.recognition.domain.document import Fault, RuleRefusedError, read_rule

LARGEST = 256 * 1024
_REPEATED = "a key is repeated"
_NO_YAML = "this is neither YAML nor JSON"


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a request, under the name that errors call it by."""

    name: str
    text: str


def read_documents(documents: Sequence[Document]) -> list[RuleVersion]:
    """Read documents in YAML or JSON; raise Refusal naming every fault."""
    if not documents:
        raise invalid(Violation("documents", "at least one document is needed"))
    versions: list[RuleVersion] = []
    violations: list[Violation] = []
    for number, document in enumerate(documents):
        try:
            versions.append(canonical_version(read_rule(_parse(document.text))))
        except RuleRefusedError as error:
            violations += [violation_of(fault, number, document) for fault in error.faults]
    keys = {(each.rule.rule, each.rule.version) for each in versions}
    if len(keys) != len(versions):
        violations.append(Violation("documents", "a version of a rule is published once"))
    if violations:
        raise invalid(*violations)
    return versions


def violation_of(fault: Fault, number: int, document: Document) -> Violation:
    """Write a fault with the place of its document in the request."""
    field = f"documents[{number}]" + (f".{fault.place}" if fault.place else "")
    named = f"{document.name}: " if document.name else ""
    return Violation(field, named + fault.reason)


class _Loader(yaml.SafeLoader):
    """YAML without repeated keys, of which all but the last would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - the loader's own signature
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if len(keys) != len(set(map(str, keys))):
            raise yaml.constructor.ConstructorError(None, None, _REPEATED, node.start_mark)
        return super().construct_mapping(node, deep)


def _parse(text: str) -> Any:
    if len(text) > LARGEST:
        raise RuleRefusedError((Fault("", f"a document has at most {LARGEST} characters"),))
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a subclass of the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = "" if mark is None else f" at line {mark.line + 1}, column {mark.column + 1}"
        problem = _REPEATED if error.problem == _REPEATED else _NO_YAML
        refused = RuleRefusedError((Fault("", problem + at),))
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        refused = RuleRefusedError((Fault("", _NO_YAML),))
    raise refused
