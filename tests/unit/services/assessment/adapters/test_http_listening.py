# SPDX-License-Identifier: Apache-2.0
"""Where the HTTP door listens: in the clear on loopback only, unless an ingress stands in front."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from chassis.errors import Reject
from chassis.rpc.listening import read_listening
from services.assessment.adapters.http_listening import LOOPBACK, HttpListening, read_http_listening
from services.assessment.settings import ServeSettings
from tests.certificates import Authority, write_server_files

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is tried


def listens(**given: Any) -> HttpListening:
    values = {
        "database_url": "postgresql://x@127.0.0.1:1/x",
        "kafka_bootstrap_servers": "127.0.0.1:9",
        "assessment_sources": '[{"name": "lms", "tenant": "open"}]',
        "assessment_master_key": b64encode(b"m" * 32).decode(),
        "cairn_identity_key": b64encode(b"i" * 32).decode(),
    }
    settings = ServeSettings(**values | given)
    return read_http_listening(settings, read_listening(settings))


def over_tls(folder: Path) -> dict[str, Any]:
    certificate, key, trust = write_server_files(folder, Authority("a").server(), Authority("b").pem)
    return {
        "tls_certificate_file": certificate,
        "tls_key_file": key,
        "tls_trust_file": trust,
        "operator_identities": '["spiffe://a/b"]',
    }


def test_in_the_clear_on_loopback_nobody_is_asked() -> None:
    assert listens() == LOOPBACK
    assert listens(assessment_http_host="::1") == HttpListening("::1", None, asks=False)


def test_in_the_clear_anywhere_else_it_does_not_start() -> None:
    with pytest.raises(Reject) as raised:
        listens(assessment_http_host=EVERYWHERE)

    assert str(raised.value).startswith("ASSESSMENT_HTTP_HOST")


@pytest.mark.parametrize("host", ["127.0.0.1", EVERYWHERE])
def test_behind_an_ingress_everybody_is_asked(host: str, tmp_path: Path) -> None:
    wanted = HttpListening(host, None, asks=True)

    assert listens(assessment_http_host=host, assessment_http_ingress=True) == wanted
    given = over_tls(tmp_path)
    assert listens(assessment_http_host=host, assessment_http_ingress=True, **given) == wanted


@pytest.mark.parametrize("host", ["127.0.0.1", EVERYWHERE])
def test_over_tls_everybody_is_asked(host: str, tmp_path: Path) -> None:
    found = listens(assessment_http_host=host, **over_tls(tmp_path))

    assert (found.host, found.asks) == (host, True)
    assert found.tls is not None
