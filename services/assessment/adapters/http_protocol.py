# SPDX-License-Identifier: Apache-2.0
"""What one connection to the HTTP door may take before it is known who is there: bytes, time, and places.

uvicorn bounds none of them under httptools: whoever shows no credential could have it read headers without
end, or hold connections open until no descriptor is left.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 64 * 1024
HEAD_SECONDS = 10.0
MOST_CONNECTIONS = 500


class BoundedProtocol(HttpToolsProtocol):
    """Ends a connection whose head is too large or too slow, and one too many."""

    _head = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection, whose first head is due."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come, unless the head that it belongs to has grown too large."""
        if self._deadline is not None:
            self._head += len(data)
            # What comes behind the head in one piece is a part of the body, at most as long as one reading.
            if self._head > LARGEST_HEAD and b"\r\n\r\n" not in data:
                self.transport.abort()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Begin a request: its head is due, also where the connection was idle before."""
        super().on_message_begin()
        if self._deadline is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """Go on with a request whose head is whole."""
        self._stop_waiting()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head = 0
        self._deadline = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._late)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self.transport.abort()
