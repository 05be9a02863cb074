# SPDX-License-Identifier: Apache-2.0
"""Every process gets settings that its service knows, and the role that is meant for it."""

import importlib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from chassis.settings import ProcessSettings
from deploy.local.keys import Keys
from deploy.local.layout import PARTS, SERVICES, Layout
from deploy.local.processes import Service
from deploy.local.provision import LOGIN_ROLES, Provisioned


@pytest.fixture
def services(tmp_path: Path) -> dict[str, Service]:
    databases = {
        service: Provisioned(
            service,
            f"cairn_{service}",
            {role: f"postgresql://cairn_{service}_{role}@/cairn_{service}" for role in LOGIN_ROLES},
        )
        for service in SERVICES
    }
    layout = Layout(
        bootstrap="127.0.0.1:9092",
        databases=databases,
        doors={"assessment-http": 1, "assessment-grpc": 2, "recognition-grpc": 3, "records-grpc": 4},
        health={part.name: 10 + number for number, part in enumerate(PARTS)},
        keys=Keys(tmp_path / "secrets"),
        shared={"LOG_LEVEL": "warning"},
    )
    return {service.name: service for service in layout.services()}


def test_names_are_different(services: dict[str, Service]) -> None:
    assert len(services) == len(PARTS)


def test_each_works_in_its_service_s_database_under_its_role(services: dict[str, Service]) -> None:
    for part in PARTS:
        url = urlsplit(services[part.name].environment["DATABASE_URL"])
        assert url.username == f"cairn_{part.service}_{part.role}"
        assert url.path == f"/cairn_{part.service}"


def known(settings: type[ProcessSettings]) -> set[str]:
    fields = {name.upper() for name in settings.model_fields}
    return fields.union(*(known(each) for each in settings.__subclasses__()))


def test_every_setting_is_one_that_its_service_reads(services: dict[str, Service]) -> None:
    for part in PARTS:
        importlib.import_module(f"services.{part.service}.settings")
        assert set(services[part.name].environment) <= known(ProcessSettings), part.name


def test_what_is_shared_reaches_every_process(services: dict[str, Service]) -> None:
    assert {service.environment["LOG_LEVEL"] for service in services.values()} == {"warning"}


def test_secrets_do_not_show(services: dict[str, Service], tmp_path: Path) -> None:
    shown = repr(list(services.values()))
    for secret in (tmp_path / "secrets").iterdir():
        assert not (text := secret.read_text(encoding="utf-8")) or text not in shown
