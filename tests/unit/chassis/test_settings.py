# SPDX-License-Identifier: Apache-2.0
"""Settings are validated at start, refused by name, and documented without a gap."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.errors import Reject
from chassis.settings import ProcessSettings, ServiceSettings, load

ROOT = Path(__file__).parents[3]
SECRET = "hunter2hunter2"
GOOD = {
    "DATABASE_URL": f"postgresql://role:{SECRET}@localhost/name",
    "KAFKA_BOOTSTRAP_SERVERS": "localhost:9092,[::1]:9093",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _variables(ServiceSettings):
        monkeypatch.delenv(name, raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def test_good_values_are_read() -> None:
    settings = load(ServiceSettings)

    assert settings.database_url.get_secret_value() == GOOD["DATABASE_URL"]
    assert settings.batch_size == 2000
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://role@/name?host=/var/run/postgresql",
        "postgresql://role@127.0.0.1:5432/name",
        "postgresql://role@[::1]/name",
        "postgresql://role:a,b@localhost/name",
        "postgresql://role@%2Fvar%2Frun%2Fpostgresql/name",
        "postgresql://role@db.example/name?sslmode=verify-full&sslrootcert=/etc/cairn/database.crt",
        "postgresql://role@db.example:5432/name?sslmode=disable",
    ],
)
def test_a_database_is_here_or_it_is_said_how_it_is_reached(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)

    assert load(ServiceSettings).database_url.get_secret_value() == url


def test_every_missing_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in GOOD:
        monkeypatch.delenv(name)

    with pytest.raises(Reject) as refused:
        load(ServiceSettings)

    assert "DATABASE_URL is not set: it must be" in str(refused.value)
    assert "KAFKA_BOOTSTRAP_SERVERS is not set: it must be" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", f"mysql://role:{SECRET}@localhost/name"),
        ("DATABASE_URL", f"postgresql://role:{SECRET}@localhost"),
        ("DATABASE_URL", f"postgresql://role:{SECRET}@db.example/name"),
        ("DATABASE_URL", f"postgresql://role:{SECRET}@192.0.2.1:5432/name?sslmode=require"),
        ("DATABASE_URL", f"postgresql://role:{SECRET}@localhost,db.example/name"),
        ("DATABASE_URL", f"postgresql://role:{SECRET}@/name?host=db.example"),
        ("DATABASE_URL", f"postgresql://role:{SECRET}@/name?host=localhost:5432,db.example"),
        ("DATABASE_URL", f"postgresql://role:{SECRET}@/name?host=/var/run/postgresql,db.example"),
        ("DATABASE_URL", f"postgresql://role:{SECRET}@/name"),
        ("DATABASE_URL", f"postgresql://role:{SECRET}@localhost/name?service=other"),
        ("DATABASE_URL", f"postgresql://role:{SECRET}@[2001:db8::1]@localhost/name"),
        ("DATABASE_URL", f"postgresql://role:{SECRET}@/name?host=[::1],db.example"),
        ("KAFKA_BOOTSTRAP_SERVERS", f"{SECRET}"),
        ("KAFKA_BOOTSTRAP_SERVERS", f"localhost:9092,{SECRET}:0"),
        ("HEALTH_PORT", f"{SECRET}"),
        ("HEALTH_PORT", "65536"),
        ("BATCH_SIZE", "0"),
        ("LOG_LEVEL", f"{SECRET}"),
        ("RUNNER", f"{SECRET}"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", f"{SECRET}:4317"),
    ],
)
def test_a_bad_value_is_refused_by_name_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(Reject) as refused:
        load(ServiceSettings)

    assert str(refused.value).startswith(f"{name} is not right: it must be")
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")

    assert load(ServiceSettings).otel_exporter_otlp_endpoint is None


def test_the_example_file_documents_every_variable() -> None:
    text = (ROOT / "chassis/example.env").read_text(encoding="utf-8")
    documented = re.findall(r"^#[^\n]*\n([A-Z0-9_]+)=", text, flags=re.MULTILINE)

    assert sorted(documented) == sorted(set(documented))
    assert set(documented) == {name for cls in _all_settings() for name in _variables(cls)}


def test_every_field_says_what_its_variable_must_be() -> None:
    assert not [
        name for cls in _all_settings() for name, field in cls.model_fields.items() if not field.description
    ]


def _all_settings() -> Iterator[type[ProcessSettings]]:
    for path in sorted(ROOT.glob("services/*/settings.py")):
        importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    waiting: list[type[ProcessSettings]] = [ProcessSettings]
    while waiting:
        found = waiting.pop()
        waiting.extend(found.__subclasses__())
        if found.__module__.startswith(("chassis.", "services.")):
            yield found


def _variables(settings: type[ProcessSettings]) -> list[str]:
    return [name.upper() for name in settings.model_fields]
