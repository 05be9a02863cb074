# SPDX-License-Identifier: Apache-2.0
"""Where one JSON Schema breaks another: a pure comparison, in both directions.

Services are upgraded one by one and topics are replayed, so old writers meet new readers and new
writers meet old readers. Whatever either would refuse is a break: a removed property, one that is
newly or no longer required, another type, a limit or pattern narrowed or widened, an enum value
removed or added, another default. A new property that may be left out is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Schema = Mapping[str, Any]

# What is said to people, and what says where a schema stands.
_SILENT = frozenset({"title", "description", "examples", "$id", "$schema", "$defs"})
_NESTED = frozenset({"items", "additionalProperties", "propertyNames", "not"})
_ALTERNATIVES = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_UPPER = frozenset({"maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum"})
_LOWER = frozenset({"minLength", "minItems", "minProperties", "minimum", "exclusiveMinimum"})


@dataclass(frozen=True, slots=True, order=True)
class Break:
    """One break: where in the document, as a path with dots, and what."""

    place: str
    what: str


def breaks(old: Schema, new: Schema) -> list[Break]:
    """Return every break of ``new`` against ``old``, sorted."""
    comparison = _Comparison(old, new)
    comparison.schemas("", old, new)
    return sorted(set(comparison.found))


@dataclass(slots=True)
class _Comparison:
    old_root: Schema
    new_root: Schema
    found: list[Break] = field(default_factory=list)
    # A schema may contain itself, as an explanation does.
    seen: set[tuple[str, str]] = field(default_factory=set)

    def schemas(self, place: str, old: Schema, new: Schema) -> None:
        if "$ref" in old and "$ref" in new:
            pair = (old["$ref"], new["$ref"])
            if pair in self.seen:
                return
            self.seen.add(pair)
        old, new = _resolved(old, self.old_root), _resolved(new, self.new_root)
        self._properties(place, old, new)
        for keyword in sorted((old.keys() | new.keys()) - _SILENT - {"properties", "required"}):
            self._keyword(place, keyword, old, new)

    def _properties(self, place: str, old: Schema, new: Schema) -> None:
        before, now = old.get("properties", {}), new.get("properties", {})
        for name in before.keys() - now.keys():
            self._add(_at(place, name), "was removed")
        for name in before.keys() & now.keys():
            self.schemas(_at(place, name), before[name], now[name])
        required, requires = set(old.get("required", ())), set(new.get("required", ()))
        for name in requires - required:
            self._add(_at(place, name), "is newly required")
        for name in (required - requires) & now.keys():
            self._add(_at(place, name), "is no longer required, and released readers insist on it")

    def _keyword(self, place: str, keyword: str, old: Schema, new: Schema) -> None:
        before, now = old.get(keyword), new.get(keyword)
        if before == now and keyword not in _NESTED | _ALTERNATIVES:
            return
        if keyword == "enum" and before and now:
            self._enum(place, before, now)
        elif keyword in _NESTED and isinstance(before, Mapping) and isinstance(now, Mapping):
            self.schemas(_at(place, "[]"), before, now)
        elif keyword in _ALTERNATIVES and before and now and len(before) == len(now):
            for one, other in zip(before, now, strict=True):
                self.schemas(place, one, other)
        elif before != now:
            self._add(place, f"has its {keyword} {_changed(keyword, before, now)}")

    def _enum(self, place: str, before: list[Any], now: list[Any]) -> None:
        for value in before:
            if value not in now:
                self._add(place, f"lost the value {value!r}")
        for value in now:
            if value not in before:
                self._add(place, f"has the new value {value!r}, which released readers do not know")

    def _add(self, place: str, what: str) -> None:
        self.found.append(Break(place, what))


def _resolved(schema: Schema, root: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    target = root
    for part in str(schema["$ref"]).removeprefix("#/").split("/"):
        target = target[part]
    return {**_resolved(target, root), **beside}


def _changed(keyword: str, before: Any, now: Any) -> str:
    if keyword not in _UPPER | _LOWER or before is None or now is None:
        return "removed" if now is None else "changed" if before is not None else "added"
    return "narrowed" if (now < before) == (keyword in _UPPER) else "widened"


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
