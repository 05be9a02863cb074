# SPDX-License-Identifier: Apache-2.0
"""From the texts of a request to rule versions; every fault of every text is named at once."""

from collections.abc import Sequence
from typing import Any

from chassis.documents import Document, UnreadableDocument, in_request, parse_document
from chassis.rpc.refusal import Violation, invalid
from services.recognition.domain.canonical import RuleVersion, canonical_version
from services.recognition.domain.document import Fault, RuleRefusedError, read_rule


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
    return in_request(fault.place, fault.reason, number, document)


def _parse(text: str) -> Any:
    try:
        return parse_document(text)
    except UnreadableDocument as error:
        refused = RuleRefusedError((Fault("", str(error)),))
    raise refused
