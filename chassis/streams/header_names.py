# SPDX-License-Identifier: Apache-2.0
"""Has aiokafka read records whose header names are not UTF-8, as Kafka's own clients do.

A name is bytes to the broker, and anybody who may write to a topic of a platform can write such a one.
aiokafka decodes it strictly while it unpacks a batch (0.14): the consumer ends, again and again, and all
behind that record waits. Here a batch that cannot be unpacked is unpacked once more, with what is no UTF-8
replaced in its names.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


def read_any_header_name() -> None:
    """Have every consumer of this process do so; done again, it changes nothing."""
    fetcher.MemoryRecords = Records


class Records(_MemoryRecordsPy):  # type: ignore[misc]  # aiokafka ships no types
    """The batches of one answer of a broker."""

    def next_batch(self, *args: Any) -> Any:
        """Return the next batch; only one of records as they are since Kafka 0.11 has headers."""
        held = self._next_slice
        batch = super().next_batch(*args)
        return batch if batch is None or batch.is_control_batch or batch.magic < 2 else Batch(batch, held)


class Batch:
    """A batch whose records are read by the compiled code as far as that goes."""

    def __init__(self, batch: Any, held: memoryview) -> None:
        """Begin with a batch, and the bytes that it was read from."""
        self._batch = batch
        self._held = held

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        taken = 0
        with suppress(UnicodeDecodeError):
            for record in self._batch:
                taken += 1
                yield record
            return
        for number, record in enumerate(_ReplacingBatch(self._held)):
            if number >= taken:
                yield record


class _ReplacingBatch(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka ships no types
    """A batch that is read byte by byte, with what is no UTF-8 replaced."""

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: _Bytes = _Bytes(self._buffer)


class _Bytes(bytearray):
    """Bytes of which a part is decoded without an error."""

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return _Bytes(found) if isinstance(key, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)
