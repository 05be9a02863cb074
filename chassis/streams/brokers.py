# SPDX-License-Identifier: Apache-2.0
"""How a process reaches Kafka, from its settings: in the clear, or over TLS by certificate or password.

Each new connection is made with the files as they are then, so that what is renewed ends no connection.
"""

import ssl
from collections.abc import Mapping
from typing import Any, Self, TypeAlias

from cryptography.x509 import load_pem_x509_certificates

from cairn.brokers import Bootstrap, Brokers, Login
from chassis import metrics
from chassis.errors import Reject
from chassis.followed import Followed
from chassis.metric_catalogue import CERTIFICATE_END, CERTIFICATE_START
from chassis.settings import ServiceSettings
from chassis.tls_context import load_chain, reason_of

TRUST, CERTIFICATE, KEY = "KAFKA_TLS_TRUST_FILE", "KAFKA_TLS_CERTIFICATE_FILE", "KAFKA_TLS_KEY_FILE"
MECHANISM, USERNAME = "KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME"
PASSWORD = "KAFKA_SASL_PASSWORD_FILE"  # noqa: S105 - the name of a setting
_Pair: TypeAlias = tuple[bytes, bytes]


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
    # Apart from each other, so that who is believed can always be changed.
    trust = Followed({TRUST: named.pop(TRUST)}, _read_trust)
    own = Followed(named, _read_own) if named else None
    return Brokers(settings.kafka_bootstrap_servers, _Renewed(trust, own), login)


class _Renewed(ssl.SSLContext):
    """A context that makes each connection by the files as they are then."""

    def __new__(cls, _trust: object, _own: object) -> Self:
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, trust: Followed[str], own: Followed[_Pair] | None) -> None:
        self._trust = trust
        self._own = own
        self._newest = self._made()

    def wrap_bio(self, *given: Any, **named: Any) -> ssl.SSLObject:
        renewed = [each.follow() for each in (self._trust, self._own) if each is not None]
        if any(renewed):
            self._newest = self._made()
        return self._newest.wrap_bio(*given, **named)

    def _made(self) -> ssl.SSLContext:
        context = _believing(self._trust.held)
        if self._own is not None:
            certificate, _ = self._own.held
            load_chain(context, *self._own.held)
            # The first is the one that is shown, those behind it vouch for it.
            shown = load_pem_x509_certificates(certificate)[0]
            metrics.hold(CERTIFICATE_START, shown.not_valid_before_utc.timestamp(), CERTIFICATE)
            metrics.hold(CERTIFICATE_END, shown.not_valid_after_utc.timestamp(), CERTIFICATE)
        return context


def _believing(authorities: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=authorities)
    return context


def _read_trust(contents: Mapping[str, bytes]) -> str:
    """Return the authorities in PEM, without what stands around them in other letters; raises Reject."""
    authorities = contents[TRUST].decode("ascii", "ignore")
    try:
        _believing(authorities)
    except (ssl.SSLError, ValueError):
        raise Reject("must hold certificates of authorities, in PEM", TRUST) from None
    return authorities


def _read_own(contents: Mapping[str, bytes]) -> _Pair:
    """Return a certificate and its key that OpenSSL takes; raises Reject."""
    own = contents[CERTIFICATE], contents[KEY]
    try:
        load_chain(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), *own)
    except (ssl.SSLError, OSError) as error:
        wanted = f"must hold a certificate with its chain, in PEM, and {KEY} its key without a passphrase"
        raise Reject(f"{wanted}: {reason_of(error)}", CERTIFICATE) from None
    return own


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
    if not password:
        raise Reject("must name a file with the password, which is empty", PASSWORD)
    return Login(mechanism, username, password)
