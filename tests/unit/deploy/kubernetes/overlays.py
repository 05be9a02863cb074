# SPDX-License-Identifier: Apache-2.0
"""The built overlays as tests ask about them: by kind and name, with the variables of each process."""

import base64
from collections.abc import Mapping
from functools import cache
from typing import Any

from deploy.kubernetes import secrets
from deploy.kubernetes.built import HERE, OVERLAYS, Manifest, build, read
from deploy.kubernetes.keys import make_keys

PART_OF, NAME, COMPONENT = (f"app.kubernetes.io/{each}" for each in ("part-of", "name", "component"))
KAFKA = "cairn.org/kafka"


@cache
def built(overlay: str) -> tuple[Manifest, ...]:
    assert overlay in OVERLAYS
    make_keys()
    return tuple(read(build(HERE / "overlays" / overlay)))


def of_kind(overlay: str, kind: str) -> dict[str, Manifest]:
    """Return the manifests of a kind by name, of which there are some."""
    found = {each.name: each for each in built(overlay) if each.kind == kind}
    assert found
    return found


def processes(overlay: str) -> dict[str, Manifest]:
    """Return all Deployments and migrations: whatever runs a service's image."""
    migrations = {
        name: each for name, each in of_kind(overlay, "Job").items() if each.labels[COMPONENT] == "migrate"
    }
    return of_kind(overlay, "Deployment") | migrations


def container(manifest: Manifest) -> Mapping[str, Any]:
    assert manifest.pod is not None
    (only,) = manifest.pod["spec"]["containers"]
    return only  # type: ignore[no-any-return]


def data_of(overlay: str, kind: str) -> dict[str, dict[str, str]]:
    """Return what each ConfigMap or Secret holds, those included that are made beside the overlay."""
    found = {each.name: dict(each.body["data"]) for each in built(overlay) if each.kind == kind}
    if kind == "Secret":
        for values in found.values():
            values |= {key: base64.b64decode(value).decode() for key, value in values.items()}
        made = [*secrets.role_secrets(), *secrets.key_secrets()] if overlay == "production" else []
        found |= {each["metadata"]["name"]: dict(each["stringData"]) for each in made}
    return found


def environment(overlay: str, manifest: Manifest) -> dict[str, str]:
    """Return the variables that a process is started with, from wherever they come."""
    held = {kind: data_of(overlay, kind) for kind in ("ConfigMap", "Secret")}
    ran = container(manifest)
    found: dict[str, str] = {}
    for source in ran.get("envFrom", ()):
        found |= held["ConfigMap"][source["configMapRef"]["name"]]
    for variable in ran.get("env", ()):
        found[variable["name"]] = variable.get("value") or _referred(held, variable["valueFrom"])
    return found


def _referred(held: Mapping[str, Mapping[str, Mapping[str, str]]], source: Mapping[str, Any]) -> str:
    (field,) = source
    kind = {"configMapKeyRef": "ConfigMap", "secretKeyRef": "Secret"}[field]
    return held[kind][source[field]["name"]][source[field]["key"]]
