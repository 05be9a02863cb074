# SPDX-License-Identifier: Apache-2.0
"""Whatever production refers to is made by the overlay, an operator, us or the institution, by its name."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from deploy.kubernetes import secrets
from deploy.kubernetes.built import HERE
from deploy.local.layout import SERVICES
from deploy.local.provision import LOGIN_ROLES
from tests.unit.deploy.kubernetes.overlays import built, of_kind

DOCUMENT = HERE.parents[1] / "docs/kubernetes.md"


def referred(value: Any) -> Iterator[tuple[str, str]]:
    """Yield kind and name of every Secret and ConfigMap that is referred to somewhere."""
    kinds = {"secretKeyRef": "Secret", "passwordSecret": "Secret", "configMapKeyRef": "ConfigMap"}
    kinds |= {"configMapRef": "ConfigMap", "configMap": "ConfigMap"}
    if isinstance(value, dict):
        for key, each in value.items():
            if key in kinds:
                yield kinds[key], each["name"]
            elif key == "secret":
                yield "Secret", each.get("secretName") or each["name"]
            elif key == "configMapRefs":
                yield from (("ConfigMap", one["name"]) for one in each)
            yield from referred(each)
    elif isinstance(value, list):
        for each in value:
            yield from referred(each)


def test_each_is_made_by_somebody() -> None:
    wanted = {pair for manifest in built("production") for pair in referred(manifest.body)}

    ours = {("ConfigMap", each.name) for each in built("production") if each.kind == "ConfigMap"}
    made = {
        ("Secret", each["metadata"]["name"]) for each in (*secrets.role_secrets(), *secrets.key_secrets())
    }
    users = {("Secret", name) for name in of_kind("production", "KafkaUser")}
    databases = {("Secret", f"{name}-ca") for name in of_kind("production", "Cluster")}
    institution = {("Secret", f"{service}-tls") for service in SERVICES}
    institution |= {("ConfigMap", "operator-authorities"), ("Secret", "kafka-cluster-ca-cert")}
    assert wanted <= ours | made | users | databases | institution
    assert made | institution <= wanted
    text = DOCUMENT.read_text("utf-8")
    assert all(f"`{name}`" in text for _, name in institution)


def test_the_local_overlay_brings_all_that_it_refers_to() -> None:
    held = {(each.kind, each.name) for each in built("local") if each.kind in {"Secret", "ConfigMap"}}
    rest = (each for each in built("local") if (each.kind, each.name) not in held)
    assert {pair for manifest in rest for pair in referred(manifest.body)} == held


@pytest.mark.parametrize("service", SERVICES)
def test_a_role_is_the_databases_and_has_one_password(service: str) -> None:
    made = {each["metadata"]["name"]: each["stringData"] for each in secrets.role_secrets()}
    cluster = of_kind("production", "Cluster")[f"{service}-database"].body["spec"]

    roles = {role["name"]: role for role in cluster["managed"]["roles"]}
    assert set(roles) == {f"cairn_{service}_{role}" for role in LOGIN_ROLES}
    for name, role in roles.items():
        values = made[role["passwordSecret"]["name"]]
        url = urlsplit(values["url"])
        assert (values["username"], url.username, url.password) == (name, name, values["password"])
        assert url.hostname == f"{service}-database-rw"
        assert role.get("inRoles") == ([f"cairn_{service}_owner"] if name.endswith("_migrate") else None)
        assert role.get("inherit", True) is not name.endswith("_migrate")


def test_no_secret_is_drawn_twice() -> None:
    def drawn() -> list[str]:
        made = (*secrets.role_secrets(), *secrets.key_secrets())
        values = [each["stringData"] for each in made]
        return [
            each.get("password") or each[key]
            for each in values
            for key in each
            if key not in {"url", "username"}
        ]

    once, again = drawn(), drawn()
    assert len({*once, *again}) == len(once) + len(again)
