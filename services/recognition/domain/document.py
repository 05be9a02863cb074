# SPDX-License-Identifier: Apache-2.0
"""Reading a rule document: every fault with its place, an unknown key with the nearest valid one.

Takes what a YAML or JSON parser made of the text. Depth and size are bounded before anything else
looks at the document, so that aliases that unfold into millions of nodes are refused like any other fault.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import TypeAdapter, ValidationError

from services.recognition.domain.requirement import KINDS, walk
from services.recognition.domain.rule import Conferral, CredentialKind, Rule

MOST_NODES = 20_000
DEEPEST = 60

_RULE: TypeAdapter[Rule] = TypeAdapter(Rule)

# The valid keys of each kind of mapping in a document, and of which kind the mappings below them are.
_KEYS: dict[str, dict[str, str]] = {
    "rule": dict.fromkeys(("rule", "title", "version", "effective_from", "effective_to"), "")
    | {"credential": "credential", "review": "review", "requirement": "requirement", "examples": "example"},
    "credential": dict.fromkeys(("id", "title", "kind", "conferral", "addressee"), "")
    | {"credits": "credit"},
    "credit": dict.fromkeys(("amount", "system", "level"), ""),
    "review": dict.fromkeys(("due_in_days", "addressee"), ""),
    "requirement": dict.fromkeys(("id", "title", "competency", "min_score", "credential"), "")
    | {"all": "requirement", "any": "requirement", "n_of": "choice", "credits": "sum"},
    "choice": {"n": "", "of": "requirement"},
    "sum": dict.fromkeys(("amount", "system", "from", "level_at_least"), ""),
    "example": {"title": "", "given": "given", "expect": ""},
    "given": {"competencies": "attainment", "credentials": "award"},
    "attainment": dict.fromkeys(("competency", "status", "score"), ""),
    "award": dict.fromkeys(("credential", "standing"), ""),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a document, and where, as ``requirement.any[1].credits.amount``.

    ``rule`` says which rule it is about where several are looked at together.
    """

    place: str
    reason: str
    rule: str = ""


class RuleRefusedError(ValueError):
    """A rule document, or a set of them, cannot be accepted; ``faults`` name every place at fault."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(f"{fault.place}: {fault.reason}" for fault in faults))
        self.faults = faults


def read_rule(raw: object) -> Rule:
    """Read one rule document; raise RuleRefusedError naming every fault."""
    if not isinstance(raw, Mapping):
        raise RuleRefusedError((Fault("", "a rule document is a mapping of keys to values"),))
    if not _is_small(raw):
        reason = f"a rule document has at most {MOST_NODES} values, {DEEPEST} deep"
        raise RuleRefusedError((Fault("", reason),))
    if faults := tuple(_unknown(raw, "rule", "")):
        raise RuleRefusedError(faults)
    try:
        rule = _RULE.validate_python(_with_conferral(raw))
    except ValidationError as error:
        refused = RuleRefusedError(tuple(_faults(error)))
        raise refused from None
    if faults := tuple(_repeated(rule)):
        raise RuleRefusedError(faults)
    return rule


def _is_small(raw: object) -> bool:
    level: list[object] = [raw]
    seen = 0
    for _ in range(DEEPEST):
        seen += len(level)
        if seen > MOST_NODES:
            return False
        level = [child for value in level for child in _below(value)]
        if not level:
            return True
    return False


def _below(value: object) -> list[object]:
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []


def _unknown(raw: object, shape: str, place: str) -> Iterator[Fault]:
    if isinstance(raw, list | tuple):
        for number, item in enumerate(raw):
            yield from _unknown(item, shape, f"{place}[{number}]")
    elif isinstance(raw, Mapping) and shape:
        valid = _KEYS[shape]
        strange = [str(key) for key in raw if key not in valid]
        for key in strange:
            nearest = get_close_matches(key, valid, n=1, cutoff=0.0)[0]
            yield Fault(_join(place, key[:80]), f"is not a key here; the nearest valid key is {nearest}")
        if shape == "requirement" and not strange:
            yield from _one_kind(raw, place)
        for key, below in valid.items():
            if key in raw:
                yield from _unknown(raw[key], below, _join(place, key))


def _one_kind(raw: Mapping[Any, Any], place: str) -> Iterator[Fault]:
    named = [kind for kind in KINDS if kind in raw]
    if len(named) != 1:
        said = " and ".join(named) or "none"
        yield Fault(place, f"a requirement names exactly one of {', '.join(KINDS)}; this one names {said}")
    elif "min_score" in raw and "competency" not in raw:
        yield Fault(_join(place, "min_score"), "belongs to a competency")


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _with_conferral(raw: Mapping[Any, Any]) -> dict[Any, Any]:
    """Say who confers where the document does not: by default a qualification needs a person."""
    credential = raw.get("credential")
    if not isinstance(credential, Mapping) or "conferral" in credential:
        return dict(raw)
    small = credential.get("kind") == CredentialKind.MICRO_CREDENTIAL
    return {
        **raw,
        "credential": {**credential, "conferral": Conferral.AUTOMATIC if small else Conferral.PERSON},
    }


def _faults(error: ValidationError) -> Iterator[Fault]:
    found = error.errors(include_input=False, include_url=False)
    places = [each["loc"] for each in found]
    for each in found:
        # A list whose items are at fault is also reported as too short.
        echo = each["type"] == "too_short" and any(
            len(other) > len(each["loc"]) and other[: len(each["loc"])] == each["loc"] for other in places
        )
        if not echo:
            yield Fault(_place(each["loc"]), each["msg"].removeprefix("Value error, "))


def _place(location: tuple[int | str, ...]) -> str:
    """Write pydantic's location as the author sees it: without the tags of the union of requirements."""
    place = ""
    tagged = False
    for number, part in enumerate(location):
        before = location[number - 1] if number else None
        if isinstance(part, int):
            place += f"[{part}]"
            tagged = before in {"all", "any", "of"}
        elif tagged:
            tagged = False
        else:
            place = _join(place, part)
            tagged = part == "requirement"
    return place


def _repeated(rule: Rule) -> Iterator[Fault]:
    seen: set[str] = set()
    for requirement in walk(rule.requirement):
        if requirement.id in seen:
            yield Fault("requirement", f"the id {requirement.id} names two requirements")
        seen.add(requirement.id)
