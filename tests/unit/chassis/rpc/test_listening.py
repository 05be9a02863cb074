# SPDX-License-Identifier: Apache-2.0
"""Where a server listens: nothing in the clear but on loopback, and no files that do not belong together."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from chassis.errors import Reject
from chassis.rpc.caller import Caller, Certified, OnThisMachine, Stranger
from chassis.rpc.listening import read_listening
from chassis.rpc.refusal import Refusal
from chassis.settings import ServingSettings, load
from tests.certificates import Authority, Issued, write_server_files

REGISTRY = "spiffe://example.edu/registry"
_VARIABLES = ("GRPC_HOST", "TLS_CERTIFICATE_FILE", "TLS_KEY_FILE", "TLS_TRUST_FILE", "OPERATOR_IDENTITIES")

Set = Callable[..., None]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("operators")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Set:
    monkeypatch.setenv("DATABASE_URL", "postgresql://role@localhost/name")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092")
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)

    def add(**variables: str | Path) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))

    return add


@pytest.fixture
def with_files(environment: Set, tmp_path: Path) -> Callable[[Issued, bytes], tuple[Path, Path, Path]]:
    def write(issued: Issued, trust: bytes) -> tuple[Path, Path, Path]:
        paths = write_server_files(tmp_path, issued, trust)
        certificate, key, operators = paths
        environment(
            TLS_CERTIFICATE_FILE=certificate,
            TLS_KEY_FILE=key,
            TLS_TRUST_FILE=operators,
            OPERATOR_IDENTITIES=f'["{REGISTRY}"]',
        )
        return paths

    return write


def refused() -> str:
    with pytest.raises(Reject) as error:
        read_listening(load(ServingSettings))
    return str(error.value)


def test_without_anything_it_is_loopback_in_the_clear(environment: Set) -> None:
    environment(GRPC_HOST="::1")

    listening = read_listening(load(ServingSettings))

    assert (listening.host, listening.tls) == ("::1", None)
    assert listening.operators.authorise(OnThisMachine()) == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.7", "::"])  # noqa: S104
def test_in_the_clear_nothing_else_is_listened_on(environment: Set, host: str) -> None:
    environment(GRPC_HOST=host)

    assert refused() == "GRPC_HOST: must be 127.0.0.1 or ::1 as long as TLS_CERTIFICATE_FILE is not set"


def test_tls_needs_all_of_its_files(environment: Set, tmp_path: Path) -> None:
    environment(TLS_KEY_FILE=tmp_path / "tls.key")

    assert refused().startswith("TLS_CERTIFICATE_FILE, TLS_TRUST_FILE not set: TLS needs")


def test_a_file_that_is_not_there_is_named_by_its_setting(
    with_files: Callable[..., tuple[Path, Path, Path]], authority: Authority
) -> None:
    _, key, _ = with_files(authority.server(), authority.pem)
    key.unlink()

    assert refused() == (
        "TLS_KEY_FILE: must name a file that this process can read: No such file or directory"
    )


@pytest.mark.parametrize(
    ("part", "text", "wanted"),
    [
        ("certificate", b"zq4711", "TLS_CERTIFICATE_FILE: must hold one or more certificates in PEM"),
        ("key", b"zq4711", "TLS_KEY_FILE: must hold a private key in PEM, without a passphrase"),
        ("trust", b"", "TLS_TRUST_FILE: must hold one or more certificates in PEM"),
    ],
)
def test_what_is_no_pem_is_refused_and_not_shown(
    with_files: Callable[..., tuple[Path, Path, Path]],
    authority: Authority,
    part: str,
    text: bytes,
    wanted: str,
) -> None:
    paths = with_files(authority.server(), authority.pem)
    paths[("certificate", "key", "trust").index(part)].write_bytes(text)

    assert refused() == wanted


def test_a_key_must_be_that_of_the_certificate(
    with_files: Callable[..., tuple[Path, Path, Path]], authority: Authority
) -> None:
    with_files(Issued(authority.server().certificate, authority.server().key), authority.pem)

    assert refused() == "TLS_KEY_FILE: must hold the key of the certificate that TLS_CERTIFICATE_FILE names"


@pytest.mark.parametrize(
    ("since", "until", "wanted"),
    [(-2, -1, "one ended at"), (1, 2, "one begins at")],
)
def test_a_certificate_must_be_valid_now(
    with_files: Callable[..., tuple[Path, Path, Path]],
    authority: Authority,
    since: int,
    until: int,
    wanted: str,
) -> None:
    hour = timedelta(hours=1)
    with_files(authority.server(since=since * hour, until=until * hour), authority.pem)

    assert wanted in refused()


def test_a_certificate_must_be_one_for_servers(
    with_files: Callable[..., tuple[Path, Path, Path]], authority: Authority
) -> None:
    with_files(authority.client(REGISTRY), authority.pem)

    assert refused() == (
        "TLS_CERTIFICATE_FILE: must hold a certificate for servers (extendedKeyUsage with serverAuth)"
    )


@pytest.mark.parametrize(
    # What is refused.
    "key",
    [rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP521R1())],  # noqa: S505
)
def test_a_key_must_be_one_that_tls_takes(
    with_files: Callable[..., tuple[Path, Path, Path]],
    authority: Authority,
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
) -> None:
    with_files(authority.server(key=key), authority.pem)

    assert refused().startswith("TLS_CERTIFICATE_FILE: must hold a certificate with a key of RSA with")


def test_the_operators_authorities_are_no_other_certificates(
    with_files: Callable[..., tuple[Path, Path, Path]], authority: Authority
) -> None:
    with_files(authority.server(), authority.server().certificate)

    assert refused().startswith("TLS_TRUST_FILE: must hold certificates of authorities")


@pytest.mark.parametrize("identities", ["[]", ""])
def test_over_tls_an_operator_must_be_named(
    environment: Set,
    with_files: Callable[..., tuple[Path, Path, Path]],
    authority: Authority,
    identities: str,
) -> None:
    with_files(authority.server(), authority.pem)
    environment(OPERATOR_IDENTITIES=identities)

    assert refused().startswith("OPERATOR_IDENTITIES: must name at least one operator")


def test_without_tls_no_operator_is_named(environment: Set) -> None:
    environment(OPERATOR_IDENTITIES=f'["{REGISTRY}"]')

    assert refused() == "OPERATOR_IDENTITIES: must be left out as long as TLS_CERTIFICATE_FILE is not set"


@pytest.mark.parametrize("identity", ["", "registry", "operator", "spiffe://example.edu/a b", "spiffe:///x"])
def test_an_identity_is_a_uri(environment: Set, identity: str) -> None:
    environment(OPERATOR_IDENTITIES=f'["{identity}"]')

    assert refused().startswith("OPERATOR_IDENTITIES is not right: it must be a JSON array of the URIs")


@pytest.mark.parametrize(
    ("caller", "known_as"),
    [
        ("registry", REGISTRY),
        ("somebody else", None),
        ("another authority", None),
        ("junk", None),
        ("this machine", None),
        ("nobody", None),
    ],
)
def test_over_tls_an_operator_is_whom_the_settings_name(
    environment: Set,
    with_files: Callable[..., tuple[Path, Path, Path]],
    authority: Authority,
    caller: str,
    known_as: str | None,
) -> None:
    environment(GRPC_HOST="0.0.0.0")  # noqa: S104
    with_files(authority.server(), authority.pem)
    callers: dict[str, Caller] = {
        "registry": Certified(authority.client(REGISTRY).certificate),
        "somebody else": Certified(authority.client("spiffe://example.edu/registry/x").certificate),
        "another authority": Certified(Authority("operators").client(REGISTRY).certificate),
        "junk": Certified(b"zq4711"),
        "this machine": OnThisMachine(),
        "nobody": Stranger(),
    }

    operators = read_listening(load(ServingSettings)).operators

    if known_as is not None:
        assert operators.authorise(callers[caller]) == known_as
        return
    with pytest.raises(Refusal) as error:
        operators.authorise(callers[caller])
    assert error.value.error_reason == "PERMISSION_DENIED"
