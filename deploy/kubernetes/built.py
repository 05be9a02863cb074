# SPDX-License-Identifier: Apache-2.0
"""Builds an overlay as it would be applied, and tells its documents apart."""

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
TOOLS = HERE.parents[1] / "build/tools"
OVERLAYS = ("local", "production")


@dataclass(frozen=True, slots=True)
class Manifest:
    """One document of an overlay."""

    body: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return str(self.body["kind"])

    @property
    def api(self) -> str:
        return str(self.body["apiVersion"])

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def labels(self) -> Mapping[str, str]:
        return self.body["metadata"].get("labels", {})  # type: ignore[no-any-return]

    @property
    def pod(self) -> Mapping[str, Any] | None:
        """The template of its pods, where it has some."""
        spec = self.body.get("spec", {})
        return spec.get("template") if isinstance(spec, Mapping) else None

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def build(folder: Path) -> str:
    """Return what a folder with a kustomization builds to, in YAML; raises CalledProcessError."""
    command = [str(TOOLS / "kustomize"), "build", str(folder)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def read(text: str) -> Iterator[Manifest]:
    """Yield the documents of what was built."""
    return (Manifest(body) for body in yaml.safe_load_all(text) if body)
