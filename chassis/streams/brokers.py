# SPDX-License-Identifier: Apache-2.0
"""How a process reaches Kafka, from its settings: in the clear, or over TLS by certificate or password.

Each new connection is made with the files as they are then, so that what is renewed ends no connection.
"""

import ssl
from collections.abc import Mapping
from typing import Any, Self

from cairn.brokers import Bootstrap, Brokers, Login
from chassis.errors import Reject
from chassis.followed import Followed
from chassis.settings import ServiceSettings
from chassis.tls_context import load_chain, reason_of

TRUST, CERTIFICATE, KEY = "KAFKA_TLS_TRUST_FILE", "KAFKA_TLS_CERTIFICATE_FILE", "KAFKA_TLS_KEY_FILE"
MECHANISM, USERNAME = "KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME"
PASSWORD = "KAFKA_SASL_PASSWORD_FILE"  # noqa: S105 - the name of a setting


def read_brokers(settings: ServiceSettings) -> Bootstrap:
    """Return where the brokers are and how to be let in; raise Reject naming the setting that will not do."""
    files = {
        TRUST: settings.kafka_tls_trust_file,
        CERTIFICATE: settings.kafka_tls_certificate_file,
        KEY: settings.kafka_tls_key_file,
    }
    named = {setting: path for setting, path in files.items() if path is not None}
    login = _login(settings)
    if TRUST not in named:
        for setting in (*named, *([MECHANISM] if login is not None else [])):
            raise Reject(f"must be left out as long as {TRUST} is not set", setting)
        return settings.kafka_bootstrap_servers
    if (CERTIFICATE in named) != (KEY in named):
        raise Reject(f"must be set together with {KEY}, or both left out", CERTIFICATE)
    return Brokers(settings.kafka_bootstrap_servers, _Renewed(Followed(named, _read)), login)


class _Renewed(ssl.SSLContext):
    """A context that makes each connection by the newest one."""

    def __new__(cls, _followed: Followed[ssl.SSLContext]) -> Self:
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, followed: Followed[ssl.SSLContext]) -> None:
        self._followed = followed

    def wrap_bio(self, *given: Any, **named: Any) -> ssl.SSLObject:
        self._followed.follow()
        return self._followed.held.wrap_bio(*given, **named)


def _read(contents: Mapping[str, bytes]) -> ssl.SSLContext:
    """Make a context of what the files hold; raises Reject."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=contents[TRUST].decode("ascii", "replace"))
    except (ssl.SSLError, ValueError):
        raise Reject("must hold certificates of authorities, in PEM", TRUST) from None
    if CERTIFICATE in contents:
        try:
            load_chain(context, contents[CERTIFICATE], contents[KEY])
        except (ssl.SSLError, OSError) as error:
            reason = f"must hold a certificate with its chain, in PEM, and {KEY} its key: {reason_of(error)}"
            raise Reject(reason, CERTIFICATE) from None
    return context


def _login(settings: ServiceSettings) -> Login | None:
    mechanism, username = settings.kafka_sasl_mechanism, settings.kafka_sasl_username
    path = settings.kafka_sasl_password_file
    if mechanism is None and username is None and path is None:
        return None
    if mechanism is None or username is None or path is None:
        named = {MECHANISM: mechanism, USERNAME: username, PASSWORD: path}
        missing = ", ".join(name for name, value in named.items() if value is None)
        raise Reject(f"{missing} not set: a login needs {MECHANISM}, {USERNAME} and {PASSWORD} together")
    try:
        password = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise Reject("must name a file with the password, which this process can read", PASSWORD) from None
    return Login(mechanism, username, password)
