# SPDX-License-Identifier: Apache-2.0
"""The certificate that commands show, from the environment; without one they ask in the clear."""

import os
from functools import cache
from pathlib import Path

import typer

from cairn.client.tls import Tls

_AUTHORITIES = "CAIRN_TLS_AUTHORITIES_FILE"
_CERTIFICATE, _KEY = "CAIRN_TLS_CERTIFICATE_FILE", "CAIRN_TLS_KEY_FILE"
HELP = (
    f"Over TLS, {_AUTHORITIES} names the authorities of the services' certificates, {_CERTIFICATE} and {_KEY}"
    " the certificate to show and its key, all in PEM."
)


@cache
def tls() -> Tls | None:
    """Return what to show, if anything; raise BadParameter naming the variable that will not do."""
    given = {name: os.environ.get(name, "") for name in (_AUTHORITIES, _CERTIFICATE, _KEY)}
    if not any(given.values()):
        return None
    for name, path in given.items():
        if not path:
            message = f"{name} is not set: TLS needs {_AUTHORITIES}, {_CERTIFICATE} and {_KEY} together"
            raise typer.BadParameter(message)
    authorities, certificate, key = (_read(name, path) for name, path in given.items())
    return Tls(authorities=authorities, certificate=certificate, key=key)


def read_variable(name: str) -> bytes | None:
    """Return what the file holds that a variable of the environment names, None where it is not set."""
    path = os.environ.get(name, "")
    return _read(name, path) if path else None


def _read(name: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        message = f"{name} must name a file that can be read: {error.strerror}"
        raise typer.BadParameter(message) from None
