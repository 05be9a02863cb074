# SPDX-License-Identifier: Apache-2.0
"""Resource names, request ids and page tokens of ``cairn.recognition.v1``: read strictly, or refused."""

import re
from uuid import UUID

from cairn.ids import TenantId, is_opaque
from chassis.rpc.page_token import not_given, read_place, write_place
from chassis.rpc.refusal import Violation, invalid

_TENANT = "institutions/{institution}"
_RULE = f"{_TENANT}/rules/{{rule}}@{{version}}"
_VERSIONED = r"([a-z0-9._-]{1,128})(?:@([1-9][0-9]{0,8}))?"
_parent = re.compile(r"institutions/([^/]+)")
_name = re.compile(rf"institutions/([^/]+)/rules/{_VERSIONED}")
_place = re.compile(_VERSIONED)


def read_parent(parent: str) -> TenantId:
    """Read the institution of a request."""
    named = _parent.fullmatch(parent)
    if named is None or not is_opaque(named[1]):
        raise invalid(Violation("parent", f"must be {_TENANT}, with an opaque id"))
    return TenantId(named[1])


def read_name(name: str) -> tuple[TenantId, str, int | None]:
    """Read the name of a rule: its institution, its id, and the version where one is named."""
    named = _name.fullmatch(name)
    if named is None or not is_opaque(named[1]):
        raise invalid(Violation("name", f"must be {_RULE}"))
    return TenantId(named[1]), named[2], int(named[3]) if named[3] else None


def rule_name(tenant: TenantId, rule: str, version: int) -> str:
    """Return the name of one version of a rule."""
    return f"institutions/{tenant}/rules/{rule}@{version}"


def read_request_id(text: str) -> str:
    """Read a request id, which a request need not have."""
    try:
        return str(UUID(text)) if text else ""
    except ValueError:
        raise invalid(Violation("request_id", "must be a UUID")) from None


def page_token(rule: str, version: int) -> str:
    """Return the token that goes on behind a version."""
    return write_place(f"{rule}@{version}")


def read_page_token(token: str) -> tuple[str, int]:
    """Return the version to go on behind."""
    if not token:
        return "", 0
    place = read_place(token, _place)
    if place[2] is None:
        raise not_given()
    return place[1], int(place[2])
