# SPDX-License-Identifier: Apache-2.0
"""What the manifests say of a process's life is how it lives, and no pod may do more than it has to."""

from collections.abc import Mapping
from itertools import chain
from typing import Any

import pytest

from chassis.lifecycle import DEADLINE_SECONDS
from deploy.kubernetes.built import OVERLAYS, Manifest
from tests.unit.deploy.kubernetes.overlays import COMPONENT, NAME, PART_OF, built, container, of_kind

DEPLOYMENTS = [(overlay, name) for overlay in OVERLAYS for name in sorted(of_kind(overlay, "Deployment"))]
KINDS = ("Deployment", "Job", "StatefulSet")
PODS = [(overlay, str(each)) for overlay in OVERLAYS for each in built(overlay) if each.kind in KINDS]


def spec_of(manifest: Manifest) -> Mapping[str, Any]:
    assert manifest.pod is not None
    return manifest.pod["spec"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(("overlay", "name"), DEPLOYMENTS)
def test_a_process_is_asked_what_it_answers(overlay: str, name: str) -> None:
    process = container(of_kind(overlay, "Deployment")[name])

    asked = {kind: process[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    # What chassis/health.py answers is for tests/integration/chassis/test_lifecycle.py to say.
    assert asked == {
        "startup": {"path": "/livez", "port": "health"},
        "liveness": {"path": "/livez", "port": "health"},
        "readiness": {"path": "/readyz", "port": "health"},
    }


@pytest.mark.parametrize(("overlay", "name"), DEPLOYMENTS)
def test_a_process_has_the_time_to_end_that_it_takes(overlay: str, name: str) -> None:
    manifest = of_kind(overlay, "Deployment")[name]

    rest = container(manifest).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert spec_of(manifest)["terminationGracePeriodSeconds"] >= rest + DEADLINE_SECONDS + 5
    served = (
        {each.body["spec"]["selector"][NAME] for each in built(overlay) if each.kind == "Service"}
        & {manifest.labels[NAME]}
        if overlay == "production"
        else set()
    )
    assert bool(rest) == (bool(served) and manifest.labels[COMPONENT] == "serve")


@pytest.mark.parametrize(("overlay", "name"), PODS)
def test_a_pod_is_restricted(overlay: str, name: str) -> None:
    (manifest,) = (each for each in built(overlay) if str(each) == name)
    spec, ran = spec_of(manifest), container(manifest)

    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert ran["securityContext"]["allowPrivilegeEscalation"] is False
    assert ran["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert ran["securityContext"]["readOnlyRootFilesystem"] is (name != "StatefulSet broker")
    assert "memory" in ran["resources"]["limits"]
    assert "cpu" not in ran["resources"]["limits"]
    assert {"cpu", "memory"} <= set(ran["resources"]["requests"])
    assert not any("hostPath" in volume for volume in spec.get("volumes", ()))


def test_only_faust_writes_and_only_into_its_folder() -> None:
    written = {
        name
        for name, manifest in of_kind("production", "Deployment").items()
        if any("emptyDir" in volume for volume in spec_of(manifest).get("volumes", ()))
    }
    assert written == {"recognition-consume"}


def test_files_of_secrets_are_read_by_the_process_alone() -> None:
    for manifest in of_kind("production", "Deployment").values():
        for volume in spec_of(manifest)["volumes"]:
            held = volume.get("secret") or volume.get("projected")
            if held is not None:
                assert held["defaultMode"] == 0o440


@pytest.mark.parametrize(("overlay", "name"), DEPLOYMENTS)
def test_at_most_one_process_of_a_kind_is_taken_away_at_once(overlay: str, name: str) -> None:
    manifest = of_kind(overlay, "Deployment")[name]
    labels = manifest.body["spec"]["selector"]["matchLabels"]

    assert labels == {key: manifest.labels[key] for key in (NAME, COMPONENT)}
    budget = of_kind(overlay, "PodDisruptionBudget")[name].body["spec"]
    assert budget == {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
    rolling = manifest.body["spec"]["strategy"]["rollingUpdate"]
    serves = manifest.labels[COMPONENT] == "serve"
    assert rolling == (
        {"maxSurge": 1, "maxUnavailable": 0} if serves else {"maxSurge": 0, "maxUnavailable": 1}
    )


def test_production_keeps_processes_of_a_kind_apart() -> None:
    for manifest in of_kind("production", "Deployment").values():
        assert manifest.body["spec"]["replicas"] >= 2
        for spread in spec_of(manifest)["topologySpreadConstraints"]:
            assert spread["labelSelector"]["matchLabels"] == {PART_OF: "cairn"}
            assert {NAME, COMPONENT} <= set(spread["matchLabelKeys"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_namespace_takes_restricted_pods_alone_and_all_is_in_it(overlay: str) -> None:
    (namespace,) = of_kind(overlay, "Namespace").values()
    modes = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    assert modes.items() <= namespace.labels.items()
    others = {each.body["metadata"]["namespace"] for each in built(overlay) if each is not namespace}
    assert others == {namespace.name}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_has_its_stage_and_migrations_come_before_processes(overlay: str) -> None:
    stage = "cairn.org/stage"
    for manifest in built(overlay):
        wanted = {"Job": "migration", "Deployment": "processes", "PodDisruptionBudget": "processes"}
        if manifest.kind in wanted:
            assert manifest.labels[stage] == wanted[manifest.kind]
        else:
            assert manifest.labels[stage] in {"ground", "processes"}
    # Whatever a migration or a process refers to is there before.
    ground = {each.name for each in built(overlay) if each.labels[stage] == "ground"}
    for manifest in chain(of_kind(overlay, "Deployment").values(), of_kind(overlay, "Job").values()):
        for source in container(manifest).get("envFrom", ()):
            assert source["configMapRef"]["name"] in ground


def test_prometheus_asks_every_process_that_stays_up_where_it_answers() -> None:
    (monitor,) = of_kind("production", "PodMonitor").values()
    (endpoint,) = monitor.body["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("health", "/metrics")
    job = monitor.body["spec"]["jobLabel"]
    deployments = of_kind("production", "Deployment").values()
    assert {each.pod["metadata"]["labels"][job] for each in deployments if each.pod} == {"cairn"}
    (components,) = monitor.body["spec"]["selector"]["matchExpressions"]
    found = {each.labels[COMPONENT] for each in of_kind("production", "Deployment").values()}
    assert set(components["values"]) == found
