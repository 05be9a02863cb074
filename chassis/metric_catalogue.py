# SPDX-License-Identifier: Apache-2.0
"""Every metric of Cairn, declared once: name, kind, unit, labels and meaning.

``docs/reference/metrics.md`` is generated from here. Every series has the labels ``service`` and ``process``
besides its own. No label holds a learner, an institution, an address or anything that a sender chose.
"""

from dataclasses import dataclass
from typing import Literal

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_RECORDS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10000.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; a gauge is told as it stands when asked."""

    name: str
    kind: Literal["counter", "histogram", "gauge"]
    unit: str
    description: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] | None = None
    """The upper bounds of a histogram's buckets."""


def _histogram(name: str, unit: str, description: str, *labels: str) -> Metric:
    return Metric(name, "histogram", unit, description, labels, _SECONDS if unit == "s" else _RECORDS)


UNIT_DURATION = _histogram(
    "cairn.unit.duration", "s", "time of one unit of work, its commit included", "consumer"
)
UNIT_DOMAIN = _histogram(
    "cairn.unit.domain.duration", "s", "time in which the handler had the records of one unit", "consumer"
)
UNIT_RECORDS = _histogram("cairn.unit.records", "{record}", "records of one unit of work", "consumer")
OUTCOMES = Metric(
    "cairn.consumer.outcomes",
    "counter",
    "{record}",
    "records by what became of them when they came: applied, duplicate, ignored, parked or dead_lettered",
    ("consumer", "topic", "partition", "outcome"),
)
LAG = Metric(
    "cairn.consumer.lag",
    "gauge",
    "{record}",
    "records behind the progress of a partition that this process owns",
    ("consumer", "topic", "partition"),
)
NEWEST = Metric(
    "cairn.consumer.newest.timestamp",
    "gauge",
    "s",
    "when the newest record that has been taken was written to its topic, in seconds since 1970",
    ("consumer", "topic"),
)
BROKER_ANSWERED = Metric(
    "cairn.broker.answered.timestamp",
    "gauge",
    "s",
    "when the brokers last told this consumer where its partitions end, in seconds since 1970",
    ("consumer",),
)
DATABASE_ANSWERED = Metric(
    "cairn.database.answered.timestamp",
    "gauge",
    "s",
    "when the database last told what stands in it, in seconds since 1970",
)
PUBLISHED = Metric(
    "cairn.outbox.published", "counter", "{record}", "records that the broker has acknowledged", ("topic",)
)
OUTBOX_ROWS = Metric("cairn.outbox.rows", "gauge", "{row}", "rows that wait to be published")
OUTBOX_AGE = Metric("cairn.outbox.age", "gauge", "s", "age of the oldest row that waits to be published")
DUE_AGE = Metric("cairn.due.age", "gauge", "s", "for how long the oldest timer that is due has not been told")
INBOX_ROWS = Metric("cairn.inbox.rows", "gauge", "{row}", "rows of the inbox, as the database estimates them")
PARKED_LEARNERS = Metric(
    "cairn.parked.learners", "gauge", "{learner}", "learners of whom records wait", ("consumer",)
)
PARKED_RECORDS = Metric("cairn.parked.records", "gauge", "{record}", "records that wait", ("consumer",))
DEAD_LETTERS = Metric(
    "cairn.dead_letters",
    "gauge",
    "{record}",
    "dead letters that nobody has replayed or discarded, by why they are some",
    ("consumer", "reason"),
)
BREAKER = Metric(
    "cairn.consumer.breaker",
    "gauge",
    "{breaker}",
    "1 while a consumer's breaker is open, else 0",
    ("consumer",),
)
PAUSED = Metric(
    "cairn.consumer.paused",
    "gauge",
    "{consumer}",
    "1 while an operator has paused a consumer, else 0",
    ("consumer",),
)
LOSSES = Metric(
    "cairn.consumer.losses", "gauge", "{loss}", "losses of records that nobody has accepted", ("consumer",)
)
PUBLICATIONS = Metric(
    "cairn.rules.publications",
    "gauge",
    "{publication}",
    "publications of policies or rules so far: all epochs",
)
SCANS = Metric(
    "cairn.reevaluation.scans",
    "gauge",
    "{scan}",
    "scans behind a publication that are not finished, by whether they are running or paused",
    ("state",),
)
SCANNED = Metric(
    "cairn.reevaluation.learners",
    "gauge",
    "{learner}",
    "learners that the unfinished scans have looked at so far",
)
UNPOSITIONED = Metric(
    "cairn.entries.unpositioned", "gauge", "{entry}", "entries that wait for their position"
)
POSITION_DELAY = _histogram(
    "cairn.entries.position.delay", "s", "time from an entry to its position, of the slowest of one turn"
)
CONDITION = Metric(
    "cairn.condition",
    "gauge",
    "{condition}",
    "1 while a condition of readiness holds, else 0",
    ("condition",),
)
CERTIFICATE_START = Metric(
    "cairn.certificate.start.timestamp",
    "gauge",
    "s",
    "when a certificate that this process shows begins, in seconds since 1970, by the setting that names it",
    ("setting",),
)
CERTIFICATE_END = Metric(
    "cairn.certificate.end.timestamp",
    "gauge",
    "s",
    "when a certificate that this process shows ends, in seconds since 1970, by the setting that names it",
    ("setting",),
)
RPC_DURATION = _histogram(
    "rpc.server.call.duration",
    "s",
    "time of one call, by method and status (OpenTelemetry conventions for RPC)",
    "rpc.method",
    "rpc.response.status_code",
)
RPC_ACTIVE = Metric(
    "cairn.rpc.active",
    "gauge",
    "{call}",
    "calls that are being answered, open watches included",
    ("rpc.method",),
)
HTTP_DURATION = _histogram(
    "http.server.request.duration",
    "s",
    "time of one request, by route and status (OpenTelemetry conventions for HTTP)",
    "http.request.method",
    "http.route",
    "http.response.status_code",
)
HTTP_ACTIVE = Metric("http.server.active_requests", "gauge", "{request}", "requests that are being answered")

CATALOGUE: tuple[Metric, ...] = (
    UNIT_DURATION,
    UNIT_DOMAIN,
    UNIT_RECORDS,
    OUTCOMES,
    LAG,
    NEWEST,
    BROKER_ANSWERED,
    DATABASE_ANSWERED,
    PUBLISHED,
    OUTBOX_ROWS,
    OUTBOX_AGE,
    DUE_AGE,
    INBOX_ROWS,
    PARKED_LEARNERS,
    PARKED_RECORDS,
    DEAD_LETTERS,
    BREAKER,
    PAUSED,
    LOSSES,
    PUBLICATIONS,
    SCANS,
    SCANNED,
    UNPOSITIONED,
    POSITION_DELAY,
    CONDITION,
    CERTIFICATE_START,
    CERTIFICATE_END,
    RPC_DURATION,
    RPC_ACTIVE,
    HTTP_DURATION,
    HTTP_ACTIVE,
)
