# SPDX-License-Identifier: Apache-2.0
"""Makes the secrets that production expects and no operator makes: ``... | kubectl create -f -``, once.

Each is drawn anew at every call and kept nowhere here; ``kubectl create`` refuses what is there already, so
that a second call changes no key that results were sealed under.
"""

import base64
import secrets
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from deploy.local.keys import KEY_BYTES, PASSWORD_BYTES
from deploy.local.layout import SERVICES
from deploy.local.provision import LOGIN_ROLES

NAMESPACE = "cairn"
# Where the overlay mounts the authority of a service's database.
AUTHORITY = "/etc/cairn/database/ca.crt"


def role_secrets() -> Iterator[dict[str, Any]]:
    """Yield name and password of each login role, and the URL by which its processes reach the database."""
    for service in SERVICES:
        for role in LOGIN_ROLES:
            name, password = f"cairn_{service}_{role}", secrets.token_urlsafe(PASSWORD_BYTES)
            where = f"{service}-database-rw:5432/cairn_{service}"
            url = f"postgresql://{name}:{password}@{where}?sslmode=verify-full&sslrootcert={AUTHORITY}"
            values = {"username": name, "password": password, "url": url}
            yield _secret(f"{service}-role-{role}", values, kind="kubernetes.io/basic-auth")


def key_secrets() -> Iterator[dict[str, Any]]:
    """Yield the keys of intake and of page tokens."""
    yield _secret("assessment-keys", {"master": _key(), "identity": _key()})
    yield _secret("records-page-tokens", {"secret": _key()})


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _secret(name: str, values: Mapping[str, str], kind: str = "Opaque") -> dict[str, Any]:
    # CloudNativePG reads a password again once it changes where this label is.
    labels = {"app.kubernetes.io/part-of": "cairn", "cnpg.io/reload": "true"}
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": kind,
        "stringData": dict(values),
    }


if __name__ == "__main__":
    yaml.safe_dump_all([*role_secrets(), *key_secrets()], sys.stdout, sort_keys=False)
