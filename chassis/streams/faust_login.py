# SPDX-License-Identifier: Apache-2.0
"""How Faust is told to reach brokers over TLS."""

from faust import SASLCredentials, SSLCredentials

from cairn.brokers import Bootstrap


def credentials(bootstrap: Bootstrap) -> SASLCredentials | SSLCredentials | None:
    """Return what Faust's workers show to brokers; None where those are reached in the clear."""
    if isinstance(bootstrap, str) or bootstrap.tls is None:
        return None
    login = bootstrap.login
    if login is None:
        return SSLCredentials(bootstrap.tls)
    return SASLCredentials(
        username=login.username,
        password=login.password,
        ssl_context=bootstrap.tls,
        mechanism=login.mechanism,
    )
