# SPDX-License-Identifier: Apache-2.0
"""The import contract of a pure room: what its packages may import, and nothing else.

import-linter can forbid what is named; design section 1 allows what is named. A package that does not
exist is an error, so that a renamed room cannot slip out of its contract.
"""

import sys
from collections.abc import Iterable
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class OnlyContract(Contract):
    """Let each package import itself, the pure standard library and the allowed modules only."""

    type_name = "only"

    # import-linter puts the parsed lists in the place of these fields
    packages: Any = fields.ListField(subfield=fields.StringField())
    allowed: Any = fields.ListField(subfield=fields.StringField())
    impure: Any = fields.ListField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002
        strangers = [line for package in self.packages for line in self._strangers(graph, package)]
        return ContractCheck(kept=not strangers, metadata={"strangers": strangers})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata["strangers"]:
            output.print_error(line)

    def _strangers(self, graph: ImportGraph, package: str) -> Iterable[str]:
        if package not in graph.modules:
            yield f"{package} does not exist"
            return
        for importer in sorted({package, *graph.find_descendants(package)}):
            for imported in sorted(graph.find_modules_directly_imported_by(importer)):
                if not self._may_import(package, imported):
                    yield f"{importer} imports {imported}"

    def _may_import(self, package: str, imported: str) -> bool:
        top = imported.partition(".")[0]
        pure = top in sys.stdlib_module_names and top not in self.impure
        return pure or any(_within(imported, allowed) for allowed in (package, *self.allowed))


def _within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")
