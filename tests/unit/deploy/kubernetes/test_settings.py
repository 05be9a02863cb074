# SPDX-License-Identifier: Apache-2.0
"""Each process is started with a command that its service knows, and with settings that it takes."""

import importlib
import os
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chassis.rpc.listening import LOOPBACK
from chassis.settings import ProcessSettings, ServiceSettings, ServingSettings
from deploy.kubernetes.access import accesses
from deploy.kubernetes.built import OVERLAYS, Manifest
from deploy.kubernetes.kafka import read_sources
from deploy.local.layout import PARTS
from services.assessment.adapters.http_listening import LOOPBACK as HTTP
from tests.unit.deploy.kubernetes.overlays import NAME, container, environment, processes

EVERY = [(overlay, name) for overlay in OVERLAYS for name in sorted(processes(overlay))]
ASKING = {access.process for access in accesses(read_sources())}


class Started:
    """What a service's own entry point made of a command and its environment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, manifest: Manifest, given: Mapping[str, str]) -> None:
        self.settings: ProcessSettings | None = None
        self.process = ""
        service = manifest.labels[NAME]
        module: ModuleType = importlib.import_module(f"services.{service}.__main__")
        for name in os.environ:
            monkeypatch.delenv(name)
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(module, "run", self._run)
        monkeypatch.setattr(module, "migrate", self._migrate)
        # The files are the cluster's; where a process listens is looked at below.
        monkeypatch.setattr(module, "read_listening", lambda _settings: LOOPBACK)
        if service == "assessment":
            monkeypatch.setattr(module, "read_http_listening", lambda _settings, _listening: HTTP)
        self.code = module.main(list(container(manifest)["args"]))

    def _run(
        self, _service: str, process: str, settings: ServiceSettings, _assemble: Callable[..., Any]
    ) -> int:
        self.process, self.settings = process, settings
        return 0

    def _migrate(self, settings: ProcessSettings, *_: object) -> int:
        self.process, self.settings = "migrate", settings
        return 0


@pytest.mark.parametrize(("overlay", "name"), EVERY)
def test_a_process_takes_its_command_and_its_settings(
    overlay: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = processes(overlay)[name]
    given = environment(overlay, manifest)

    started = Started(monkeypatch, manifest, given)

    assert started.code == 0
    assert started.settings is not None
    known = {field.upper() for field in type(started.settings).model_fields}
    assert set(given) <= known
    if isinstance(started.settings, ServiceSettings):
        assert not started.settings.health_host.is_loopback
        (health,) = (port for port in container(manifest)["ports"] if port["name"] == "health")
        assert started.settings.health_port == health["containerPort"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_process_is_there_under_the_role_that_is_meant_for_it(overlay: str) -> None:
    wanted = {(part.service, part.command): part.role for part in PARTS}
    found = {}
    for manifest in processes(overlay).values():
        url = urlsplit(environment(overlay, manifest)["DATABASE_URL"])
        service, command = manifest.labels[NAME], tuple(container(manifest)["args"])
        assert url.path == f"/cairn_{service}"
        found[service, command] = str(url.username).removeprefix(f"cairn_{service}_")
    migrations = {(service, ("migrate",)): "migrate" for service in ("assessment", "recognition", "records")}
    assert found == wanted | migrations


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_service_runs_its_own_image_under_a_tag(overlay: str) -> None:
    for manifest in processes(overlay).values():
        image, _, tag = container(manifest)["image"].rpartition(":")
        service = manifest.labels[NAME]
        assert image in {f"cairn-{service}", f"registry.example.edu/cairn/{service}"}
        assert tag not in {"", "latest"}


@pytest.mark.parametrize("name", sorted(processes("production")))
def test_in_production_everything_is_reached_over_tls(name: str) -> None:
    manifest = processes("production")[name]
    given = environment("production", manifest)
    mounted = {each["mountPath"] for each in container(manifest).get("volumeMounts", ())}

    query = parse_qs(urlsplit(given["DATABASE_URL"]).query)
    assert query == {"sslmode": ["verify-full"], "sslrootcert": ["/etc/cairn/database/ca.crt"]}
    assert "/etc/cairn/database" in mounted
    assert ("KAFKA_TLS_TRUST_FILE" in given) == (name in ASKING)
    assert ("TLS_CERTIFICATE_FILE" in given) == name.endswith("-serve")
    for variable, value in given.items():
        if variable.endswith("_FILE"):
            assert value.rpartition("/")[0] in mounted


@pytest.mark.parametrize("name", ["assessment-serve", "recognition-serve", "records-serve"])
def test_locally_doors_are_on_loopback_and_in_production_they_are_not(name: str) -> None:
    default = str(ServingSettings.model_fields["grpc_host"].default)
    assert default == "127.0.0.1"
    assert "GRPC_HOST" not in environment("local", processes("local")[name])
    given = environment("production", processes("production")[name])
    assert given["GRPC_HOST"] == "0.0.0.0"  # noqa: S104 - the pod's own address
    assert given["OPERATOR_IDENTITIES"].startswith("[")
