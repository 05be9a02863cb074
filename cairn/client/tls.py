# SPDX-License-Identifier: Apache-2.0
"""What a caller shows to a server over mutual TLS, and whose servers it believes."""

from dataclasses import dataclass, field

import grpc


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """In PEM the authorities of the servers, and the caller's certificate with its chain, and its key."""

    authorities: bytes
    certificate: bytes
    key: bytes = field(repr=False)

    @property
    def credentials(self) -> grpc.ChannelCredentials:
        """Return what a channel is opened with."""
        return grpc.ssl_channel_credentials(self.authorities, self.key, self.certificate)
