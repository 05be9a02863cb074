# SPDX-License-Identifier: Apache-2.0
"""How commands reach Kafka, from the environment: in the clear, or over TLS as the services do."""

import os
import ssl
from typing import get_args

import typer

from cairn.brokers import Bootstrap, Brokers, Login, Mechanism
from cairn.cli.tls import read_variable

_TRUST, _CERTIFICATE, _KEY = "KAFKA_TLS_TRUST_FILE", "KAFKA_TLS_CERTIFICATE_FILE", "KAFKA_TLS_KEY_FILE"
_MECHANISM, _USERNAME = "KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME"
_PASSWORD = "KAFKA_SASL_PASSWORD_FILE"  # noqa: S105 - the name of a variable
HELP = (
    f"To brokers over TLS: {_TRUST}, and {_CERTIFICATE} with {_KEY}, or {_MECHANISM}, {_USERNAME} and"
    f" {_PASSWORD}."
)


def brokers(addresses: str) -> Bootstrap:
    """Return where brokers are and how to be let in; raise BadParameter naming the variable at fault."""
    login = _login()
    trust = os.environ.get(_TRUST, "")
    if not trust:
        if login is not None or os.environ.get(_CERTIFICATE) or os.environ.get(_KEY):
            raise typer.BadParameter(f"{_TRUST} is not set: nothing is shown but over TLS")
        return addresses
    read_variable(_TRUST)
    try:
        context = ssl.create_default_context(cafile=trust)
    except ssl.SSLError:
        raise typer.BadParameter(f"{_TRUST} must name a file with certificates, in PEM") from None
    _show(context)
    return Brokers(addresses, context, login)


def _show(context: ssl.SSLContext) -> None:
    certificate, key = os.environ.get(_CERTIFICATE, ""), os.environ.get(_KEY, "")
    if not certificate and not key:
        return
    if not certificate or not key:
        raise typer.BadParameter(f"{_CERTIFICATE} and {_KEY} are set together")
    try:
        # Without a passphrase; asking for one would wait for ever where nobody is.
        context.load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, OSError):
        message = f"{_CERTIFICATE} must name a certificate in PEM, and {_KEY} its key without a passphrase"
        raise typer.BadParameter(message) from None


def _login() -> Login | None:
    mechanism, username = os.environ.get(_MECHANISM, ""), os.environ.get(_USERNAME, "")
    password = read_variable(_PASSWORD)
    if not mechanism and not username and password is None:
        return None
    if not username or password is None:
        raise typer.BadParameter(f"{_MECHANISM}, {_USERNAME} and {_PASSWORD} are set together")
    for known in get_args(Mechanism):
        if mechanism == known:
            return Login(known, username, password.decode(errors="replace").rstrip("\r\n"))
    raise typer.BadParameter(f"{_MECHANISM} must be one of {', '.join(get_args(Mechanism))}")
