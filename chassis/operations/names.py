# SPDX-License-Identifier: Apache-2.0
"""Resource names, request ids and page tokens of ``cairn.operations.v1``: read strictly, or refused."""

import re
from datetime import date
from typing import NamedTuple
from uuid import UUID

from google.type.date_pb2 import Date

from cairn.ids import TenantId, is_opaque
from chassis.operations.letters import LetterName
from chassis.rpc.page_token import not_given, read_place, write_place
from chassis.rpc.refusal import Violation, invalid

_PARENT = "institutions/{institution}/consumers/{consumer}/learners/{learner}"
_CONSUMER = r"[a-z][a-z0-9._-]{0,127}"
_NUMBER = r"[1-9][0-9]{0,18}"
# A record that stands in the way of those before it has a place below zero.
_PLACE = rf"-?{_NUMBER}"
_LARGEST_PLACE = 2**63
_USUAL_PAGE, _LARGEST_PAGE = 100, 1000
_LONGEST_OPERATOR = 128
_number = re.compile(_NUMBER)
_loss = re.compile(rf"consumers/({_CONSUMER})/losses/({_NUMBER})")
_consumer = re.compile(rf"consumers/({_CONSUMER})")
_parent = re.compile(rf"institutions/([^/]+)/consumers/({_CONSUMER}|-)/learners/([^/]+)")
_record = re.compile(rf"institutions/([^/]+)/consumers/({_CONSUMER})/learners/([^/]+)/records/({_PLACE})")
_institution = re.compile(r"institutions/([^/]+)")
_consumer_of = re.compile(rf"institutions/([^/]+)/consumers/({_CONSUMER}|-)")
_letter = re.compile(rf"institutions/([^/]+)/consumers/({_CONSUMER})/deadLetters/({_NUMBER})")
_scan = re.compile(rf"institutions/([^/]+)/scans/({_NUMBER})")
_replay = re.compile(r"institutions/([^/]+)/replays/([0-9a-f-]{36})")
_place = re.compile(rf"({_CONSUMER})/([^/]+)/({_PLACE})")


class Place(NamedTuple):
    """Where a record waits at a tenant."""

    consumer: str
    learner: str
    place: int


BEGINNING = Place("", "", 0)
LATEST = _LARGEST_PLACE - 1
"""Behind the number of everything, where what is latest comes first."""


def read_institution(parent: str) -> TenantId:
    """Read of which institution something is asked."""
    found = _institution.fullmatch(parent)
    if found is None or not is_opaque(found[1]):
        raise invalid(Violation("parent", "must be institutions/{institution}, with an opaque id"))
    return TenantId(found[1])


def read_consumer(name: str) -> str:
    """Read the name of a consumer."""
    found = _consumer.fullmatch(name)
    if found is None:
        raise invalid(Violation("name", "must be consumers/{consumer}"))
    return found[1]


def consumer_name(consumer: str) -> str:
    """Return the name of a consumer."""
    return f"consumers/{consumer}"


def read_loss(name: str) -> tuple[str, int]:
    """Read the name of a loss: whose it is, and its number."""
    found = _loss.fullmatch(name)
    if found is None or int(found[2]) >= _LARGEST_PLACE:
        raise invalid(Violation("name", "must be consumers/{consumer}/losses/{loss}"))
    return found[1], int(found[2])


def loss_name(consumer: str, number: int) -> str:
    """Return the name of a loss."""
    return f"consumers/{consumer}/losses/{number}"


def read_parent(parent: str) -> tuple[TenantId, str, str]:
    """Read whose waiting records are asked for: the institution, a consumer and a learner, or "" for all."""
    found = _parent.fullmatch(parent)
    if found is None or not is_opaque(found[1]) or not (found[3] == "-" or is_opaque(found[3])):
        raise invalid(Violation("parent", f"must be {_PARENT}, with opaque ids, or - for all"))
    consumer, learner = ("" if part == "-" else part for part in (found[2], found[3]))
    return TenantId(found[1]), consumer, learner


def read_record(name: str) -> tuple[TenantId, Place]:
    """Read the name of a waiting record."""
    found = _record.fullmatch(name)
    if (
        found is None
        or not (is_opaque(found[1]) and is_opaque(found[3]))
        or abs(int(found[4])) >= _LARGEST_PLACE
    ):
        raise invalid(Violation("name", f"must be {_PARENT}/records/{{record}}"))
    return TenantId(found[1]), Place(found[2], found[3], int(found[4]))


def record_name(tenant: TenantId, at: Place) -> str:
    """Return the name of a waiting record."""
    return f"institutions/{tenant}/consumers/{at.consumer}/learners/{at.learner}/records/{at.place}"


def read_letters(parent: str) -> tuple[TenantId, str]:
    """Read whose dead letters are asked for: the institution, and a consumer, or "" for all."""
    found = _consumer_of.fullmatch(parent)
    if found is None or not is_opaque(found[1]):
        wanted = "must be institutions/{institution}/consumers/{consumer}, with an opaque id, or - for all"
        raise invalid(Violation("parent", wanted))
    return TenantId(found[1]), "" if found[2] == "-" else found[2]


def read_letter(name: str) -> tuple[TenantId, LetterName]:
    """Read the name of a dead letter."""
    found = _letter.fullmatch(name)
    if found is None or not is_opaque(found[1]) or int(found[3]) >= _LARGEST_PLACE:
        wanted = "must be institutions/{institution}/consumers/{consumer}/deadLetters/{dead_letter}"
        raise invalid(Violation("name", wanted))
    return TenantId(found[1]), LetterName(found[2], int(found[3]))


def letter_name(tenant: TenantId, name: LetterName) -> str:
    """Return the name of a dead letter."""
    return f"institutions/{tenant}/consumers/{name.consumer}/deadLetters/{name.number}"


def read_scan(name: str) -> tuple[TenantId, int]:
    """Read the name of a scan: whose it is, and its epoch."""
    found = _scan.fullmatch(name)
    if found is None or not is_opaque(found[1]) or int(found[2]) >= _LARGEST_PLACE:
        raise invalid(Violation("name", "must be institutions/{institution}/scans/{scan}"))
    return TenantId(found[1]), int(found[2])


def scan_name(tenant: TenantId, epoch: int) -> str:
    """Return the name of a scan."""
    return f"institutions/{tenant}/scans/{epoch}"


def read_replay(name: str) -> tuple[TenantId, UUID]:
    """Read the name of a replay."""
    found = _replay.fullmatch(name)
    if found is None or not is_opaque(found[1]):
        raise invalid(Violation("name", "must be institutions/{institution}/replays/{replay}"))
    return TenantId(found[1]), _uuid("name", found[2])


def replay_name(tenant: TenantId, request: UUID) -> str:
    """Return the name of a replay, which is that of its request."""
    return f"institutions/{tenant}/replays/{request}"


def read_request(request_id: str, operator: str, known_as: str) -> tuple[UUID, str]:
    """Read under which id something is asked, and who asks."""
    return _uuid("request_id", request_id), read_operator(operator, known_as)


def read_operator(operator: str, known_as: str) -> str:
    """Read who asks, as it is kept: by what a certificate names, and who that says it is."""
    wanted = (
        f"must be 1 to {_LONGEST_OPERATOR} printable characters, and no colon: URIs come from certificates"
    )
    if not 0 < len(operator) <= _LONGEST_OPERATOR or not operator.isprintable() or ":" in operator:
        raise invalid(Violation("operator", wanted))
    return f"{known_as} ({operator})" if known_as else operator


def page_token(at: Place) -> str:
    """Return the token that goes on behind a record."""
    return write_place("/".join(map(str, at)))


def read_page_token(token: str) -> Place:
    """Return the record to go on behind."""
    if not token:
        return BEGINNING
    found = read_place(token, _place)
    if not is_opaque(found[2]) or abs(int(found[3])) >= _LARGEST_PLACE:
        raise not_given()
    return Place(found[1], found[2], int(found[3]))


def read_day(field: str, day: Date) -> date:
    """Read a day."""
    try:
        return date(day.year, day.month, day.day)
    except ValueError:
        raise invalid(Violation(field, "must be a day, with its year and month")) from None


def number_token(number: int) -> str:
    """Return the token that goes on behind what has a number."""
    return write_place(str(number))


def read_number_token(token: str, beginning: int) -> int:
    """Return the number to go on behind."""
    if not token:
        return beginning
    number = int(read_place(token, _number)[0])
    if number >= _LARGEST_PLACE:
        raise not_given()
    return number


def page_size(asked: int) -> int:
    """Return how many to answer with (AIP-158)."""
    if asked < 0:
        raise invalid(Violation("page_size", "must not be negative"))
    return min(asked or _USUAL_PAGE, _LARGEST_PAGE)


def _uuid(field: str, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise invalid(Violation(field, "must be a UUID")) from None
