# SPDX-License-Identifier: Apache-2.0
"""An explanation as a tree: what each requirement asks, what was found, and what that rests on."""

from rich.markup import escape
from rich.tree import Tree

from cairn.cli.output import word
from cairn.records.v1.finding_pb2 import Answer, Finding, RequirementKind

_MARKS = {
    Answer.ANSWER_MET: "[green]✓[/]",
    Answer.ANSWER_NOT_MET: "[red]✗[/]",
    Answer.ANSWER_UNKNOWN: "[yellow]?[/]",
}


def explanation_tree(finding: Finding) -> Tree:
    """Return the tree of a finding and all below it."""
    tree = Tree(_line(finding), guide_style="dim")
    _grow(tree, finding)
    return tree


def _grow(tree: Tree, finding: Finding) -> None:
    if finding.note:
        tree.add(f"[dim]{escape(finding.note)}[/]")
    for ground in finding.grounds if not finding.children else ():
        tree.add(f"[dim]event {escape(ground)}[/]")
    for child in finding.children:
        _grow(tree.add(_line(child)), child)


def _line(finding: Finding) -> str:
    mark = _MARKS.get(finding.answer, "·")
    title = escape(finding.title or finding.requirement)
    amount = f" [bold]{escape(finding.have)} of {escape(finding.need)}[/]" if finding.HasField("need") else ""
    kind = word(RequirementKind.Name(finding.kind), "REQUIREMENT_KIND_")
    subject = f" {escape(finding.subject)}" if finding.HasField("subject") else ""
    return f"{mark} {title}{amount} [dim]({kind}{subject})[/]"
