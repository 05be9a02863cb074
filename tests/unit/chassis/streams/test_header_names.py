# SPDX-License-Identifier: Apache-2.0
"""A batch with a header name that is no UTF-8 is read like any other, each record once."""

from collections.abc import Sequence

import pytest
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchBuilderPy

from chassis.streams.header_names import Records

PLAIN, GZIP = 0, 1


class Written(str):
    """A header name that is written as these bytes."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return str.encode(self, "latin-1")


def batch(names: Sequence[str], compression: int = PLAIN) -> bytes:
    builder = _DefaultRecordBatchBuilderPy(2, compression, 0, -1, -1, -1, 1 << 20)
    for offset, name in enumerate(names):
        value = f"v{offset}".encode()
        assert builder.append(
            offset, 7, None if offset else b"k", value, [(Written(name), b"\xff"), ("b", None)]
        )
    return bytes(builder.build())


def read(data: bytes) -> list[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]]:
    records, found = Records(data), []
    while records.has_next():
        found += [(each.offset, each.key, each.value, list(each.headers)) for each in records.next_batch()]
    return found


@pytest.mark.parametrize("compression", [PLAIN, GZIP])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_name_that_is_no_text_is_read_with_a_replacement(at: int, compression: int) -> None:
    names = ["a", "a", "a"]
    names[at] = "\xff\xfe"
    with pytest.raises(UnicodeDecodeError):
        list(DefaultRecordBatch(batch(names, compression)))

    found = read(batch(names, compression))

    headers = [("�" * 2 if number == at else "a", b"\xff") for number in range(3)]
    assert found == [
        (number, None if number else b"k", f"v{number}".encode(), [headers[number], ("b", None)])
        for number in range(3)
    ]


def test_batches_before_and_behind_it_are_read() -> None:
    data = batch(["a"]) + batch(["\xff"]) + batch(["b"])
    assert [headers[0][0] for _, _, _, headers in read(data)] == ["a", "�", "b"]


def test_a_batch_says_of_itself_what_it_says_to_aiokafka() -> None:
    plain, data = DefaultRecordBatch(batch(["a"])), Records(batch(["a"])).next_batch()
    for name in ("base_offset", "next_offset", "is_control_batch", "is_transactional", "producer_id"):
        assert getattr(data, name) == getattr(plain, name)
    assert data.validate_crc()
