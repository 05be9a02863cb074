# SPDX-License-Identifier: Apache-2.0
"""The defects that ``make check`` exists for: where each is planted, who finds it and in which words."""

from dataclasses import dataclass

HEADER = '# SPDX-License-Identifier: Apache-2.0\n"""Planted."""\n'
RESULT = "org.cairn.assessment.result.recorded.v1"
MODEL = "cairn/events/result.py"
ENTRY = "protos/cairn/records/v1/entry.proto"
STUB = "cairn/records/v1/entry_pb2.py"
HASH = "  string hash = 19 ["
PROCESS = "deploy/kubernetes/base/process.yaml"
MISSPELT = "eveicer"[::-1]  # the right way round it would fail the check here


@dataclass(frozen=True, slots=True)
class Defect:
    """What is planted where, the check that has to fail on it and what it has to say."""

    check: str
    path: str
    new: str
    says: str
    instead_of: str = ""
    generated: bool = False
    """Whether what is generated follows, so that only the comparison with the released copy can fail."""


def imported(room: str, module: str, contract: str) -> Defect:
    return Defect("imports", f"{room}/planted.py", f"import {module}\n", f"{contract} BROKEN")


SERVICES = "Services never import each other"
DOMAIN = "A domain is pure: values in, values out"
DEFECTS = {
    "a service in another's domain": imported("services/assessment/domain", "services.records", SERVICES),
    "a service in another's adapters": imported("services/records/adapters", "services.assessment", SERVICES),
    "chassis in the distribution": imported(
        "cairn", "chassis", "The distribution imports neither chassis nor services"
    ),
    "a service in chassis": imported("chassis", "services.records", "The chassis knows no service"),
    "asyncpg in a domain": imported("services/records/domain", "asyncpg", DOMAIN),
    "the clock in a domain": imported("services/recognition/domain", "time", DOMAIN),
    "chassis in a domain": imported("services/assessment/domain", "chassis", DOMAIN),
    "an adapter in a use case": imported(
        "services/records/app",
        "services.records.adapters",
        "Adapters know the application, the application knows the domain, never the other way",
    ),
    "grpc in a use case": imported("services/records/app", "grpc", "Only adapters touch the outside"),
    "a removed field": Defect(
        "schemas",
        MODEL,
        "",
        f"{RESULT}: grader was removed",
        instead_of="    grader: Grader = Grader.UNKNOWN\n",
        generated=True,
    ),
    "a new value in a closed list": Defect(
        "schemas",
        MODEL,
        '    WAIVED = "waived"\n    EXCUSED = "excused"\n',
        f"{RESULT}: outcome has the new value 'excused'",
        instead_of='    WAIVED = "waived"\n',
        generated=True,
    ),
    "a schema edited by hand": Defect(
        "schemas", f"cairn/schemas/json/{RESULT}.json", "\n", f"{RESULT}.json is not what the models say"
    ),
    "AsyncAPI edited by hand": Defect(
        "schemas", "cairn/schemas/asyncapi.json", "\n", "asyncapi.json is not what the models say"
    ),
    "the page edited by hand": Defect(
        "schemas", "docs/reference/events.md", "\n", "events.md is not what the models say"
    ),
    "a field with another number": Defect(
        "protos", ENTRY, HASH.replace("19", "21"), 'field "19" with name "hash"', HASH
    ),
    "a field against the style": Defect(
        "protos",
        ENTRY,
        f"  string Digest = 21 [deprecated = true];\n{HASH}",
        'Field name "Digest" should be lower_snake_case',
        HASH,
    ),
    "a stub edited by hand": Defect("generated", STUB, "# by hand\n", f"Files {STUB} and"),
    "a stub's types edited by hand": Defect("generated", f"{STUB}i", "# by hand\n", f"Files {STUB}i and"),
    "a stub of no contract": Defect("generated", STUB.replace("entry", "gone"), HEADER, "gone_pb2.py"),
    "a contract that was not compiled": Defect(
        "generated", ENTRY, HASH.replace("hash", "digest"), f"Files {STUB} and", HASH
    ),
    "documents that were not generated": Defect(
        "generated", "docs/reference/events.md", "\n", "Files docs/reference/events.md and"
    ),
    "AsyncAPI without a title": Defect(
        "asyncapi", "cairn/schemas/asyncapi.json", "", "asyncapi.json: info:", '    "title": "Cairn",\n'
    ),
    "an unused import": Defect("lint", "cairn/planted.py", f"{HEADER}\nimport json\n", "unused-import"),
    "no licence header": Defect("lint", "cairn/planted.py", '"""Planted."""\n', "missing-copyright-notice"),
    "a layout of one's own": Defect(
        "format", "cairn/planted.py", f"{HEADER}\nanswer = {{  42  }}\n", "cairn/planted.py"
    ),
    "a wrong type": Defect(
        "types",
        "cairn/planted.py",
        f'{HEADER}\nanswer: int = "42"\n',
        "cairn/planted.py:4: error: Incompatible",
    ),
    "a library that is not permissive": Defect(
        "licences", "locks/records.txt", "codespell==0\n", "GPL-2.0-only not in allow-only licenses"
    ),
    "an alert that never clears": Defect(
        "alerts",
        "deploy/observability/cairn.rules.yml",
        "expr: max by (service, consumer) (cairn_consumer_breaker) >= 0",
        "alertname: CairnBreakerOpen, time: 1m",
        instead_of="expr: max by (service, consumer) (cairn_consumer_breaker) == 1",
    ),
    "a field that Kubernetes does not know": Defect(
        "manifests",
        PROCESS,
        "spec:\n  revisionHistory: 3\n",
        "Additional properties are not allowed ('revisionHistory' was unexpected)",
        "spec:\n  revisionHistoryLimit: 3\n",
    ),
    "a process that writes to its image": Defect(
        "manifests",
        PROCESS,
        "readOnlyRootFilesystem: false",
        "container-security-context-readonlyrootfilesystem",
        "readOnlyRootFilesystem: true",
    ),
    "a process that runs as root": Defect(
        "manifests",
        PROCESS,
        "runAsUser: 0",
        "container-security-context-user-group-id",
        "runAsUser: 10001",
    ),
    "a process without a limit of memory": Defect(
        "manifests", PROCESS, "", "Memory limit is not set", "              memory: 256Mi\n"
    ),
    "a check that is silenced without a reason": Defect(
        "manifests",
        PROCESS,
        "container-image-pull-policy,pod-probes\n    cairn.org",
        "pod-probes is ignored without a reason",
        "container-image-pull-policy\n    cairn.org",
    ),
    "a kind that nobody checks": Defect(
        "manifests",
        "deploy/kubernetes/overlays/production/monitoring.yaml",
        "---\napiVersion: example.edu/v1\nkind: Planted\nmetadata:\n  name: planted\n",
        "nothing is known of example.edu/v1 Planted",
    ),
    "a field that an operator does not know": Defect(
        "manifests",
        "deploy/kubernetes/overlays/production/databases.yaml",
        "      database: cairn_records\n      owned: true\n",
        "'owned' was unexpected",
        "      database: cairn_records\n",
    ),
    "a topic that the code does not have": Defect(
        "manifests",
        "deploy/kubernetes/overlays/production/kafka/topics.yaml",
        "# by hand\n",
        "topics.yaml is not what the code says",
    ),
    "a misspelling": Defect("spelling", "docs/design.md", f"{MISSPELT}\n", f"{MISSPELT} ==> receive"),
}
