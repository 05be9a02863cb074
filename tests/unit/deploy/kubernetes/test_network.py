# SPDX-License-Identifier: Apache-2.0
"""Who may reach whom, worked out from the policies: exactly the flows that there are, and no other."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from deploy.kubernetes.access import accesses
from deploy.kubernetes.built import OVERLAYS, Manifest
from deploy.kubernetes.kafka import read_sources
from tests.unit.deploy.kubernetes.overlays import COMPONENT, NAME, of_kind, processes

ASKING = {access.process for access in accesses(read_sources())}


def labels_of(manifest: Manifest) -> Mapping[str, str]:
    assert manifest.pod is not None
    return manifest.pod["metadata"]["labels"]  # type: ignore[no-any-return]


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    expressions = selector.get("matchExpressions", ())
    assert all(each["operator"] == "In" for each in expressions)
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        labels.get(each["key"]) in each["values"] for each in expressions
    )


def allowed(overlay: str, labels: Mapping[str, str], way: str) -> Iterator[tuple[str, str]]:
    """Yield who is on the other side of each flow that policies allow some pods, and at which port."""
    side = {"Egress": ("egress", "to"), "Ingress": ("ingress", "from")}[way]
    for policy in of_kind(overlay, "NetworkPolicy").values():
        spec = policy.body["spec"]
        assert set(spec) - {"podSelector", "policyTypes", "egress", "ingress"} == set()
        if way in spec["policyTypes"] and selects(spec["podSelector"], labels):
            for rule in spec.get(side[0], ()):
                for port in rule["ports"]:
                    for peer in rule.get(side[1], ({},)):
                        yield _named(peer), str(port["port"])


def _named(peer: Mapping[str, Any]) -> str:
    parts = []
    for kind in ("namespaceSelector", "podSelector"):
        selector = peer.get(kind, {})
        parts += [f"{key}={value}" for key, value in selector.get("matchLabels", {}).items()]
        parts += [
            f"{each['key']} in {'|'.join(each['values'])}" for each in selector.get("matchExpressions", ())
        ]
    return " ".join(parts)


NAMES = "kubernetes.io/metadata.name=kube-system k8s-app=kube-dns"
IN_CLUSTER = {(NAMES, "53")}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_is_allowed_unless_it_is_said(overlay: str) -> None:
    spec = of_kind(overlay, "NetworkPolicy")["default-deny"].body["spec"]
    assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.mark.parametrize("name", sorted(processes("production")))
def test_in_production_a_process_reaches_its_own_database_and_kafka_where_it_asks_it(name: str) -> None:
    labels = labels_of(processes("production")[name])

    wanted = IN_CLUSTER | {(f"cnpg.io/cluster={labels[NAME]}-database", "5432")}
    if name in ASKING:
        wanted |= {("kubernetes.io/metadata.name=kafka strimzi.io/cluster=kafka", "9093")}
    assert set(allowed("production", labels, "Egress")) == wanted


@pytest.mark.parametrize("name", sorted(processes("local")))
def test_locally_a_process_reaches_the_database_and_the_broker_where_it_asks_it(name: str) -> None:
    labels = labels_of(processes("local")[name])

    wanted = IN_CLUSTER | {(f"{NAME}=database", "5432")}
    if name in ASKING:
        wanted |= {(f"{NAME}=broker", "9092")}
    assert set(allowed("local", labels, "Egress")) == wanted
    assert not set(allowed("local", labels, "Ingress"))


@pytest.mark.parametrize("name", sorted(processes("production")))
def test_in_production_doors_are_reached_from_where_those_who_may_ask_are(name: str) -> None:
    labels = labels_of(processes("production")[name])

    wanted = {("cairn.org/monitoring=true", "health")}
    if labels[COMPONENT] == "serve":
        wanted |= {("cairn.org/operators=true", "grpc")}
        wanted |= {
            "assessment": {("cairn.org/platforms=true", "http")},
            "records": {("cairn.org/partners=true", "grpc")},
        }.get(labels[NAME], set())
    assert set(allowed("production", labels, "Ingress")) == wanted


@pytest.mark.parametrize("service", ["assessment", "recognition", "records"])
def test_a_database_is_reached_by_its_own_service_and_what_runs_it(service: str) -> None:
    among = f"cnpg.io/cluster={service}-database"
    operator = "kubernetes.io/metadata.name=cnpg-system app.kubernetes.io/name=cloudnative-pg"
    found = set(allowed("production", {"cnpg.io/cluster": f"{service}-database"}, "Ingress"))
    assert found == {
        (f"{NAME}={service} app.kubernetes.io/part-of=cairn", "5432"),
        *((who, port) for who in (among, operator) for port in ("5432", "8000")),
    }


def test_a_service_is_at_the_ports_at_which_its_process_listens() -> None:
    for name, service in of_kind("production", "Service").items():
        ran = processes("production")[f"{name}-serve"]
        assert service.body["spec"]["selector"].items() <= labels_of(ran).items()
        (process,) = ran.body["spec"]["template"]["spec"]["containers"]
        at = {port["name"]: port["containerPort"] for port in process["ports"]}
        for port in service.body["spec"]["ports"]:
            assert at[port["targetPort"]] == port["port"]
