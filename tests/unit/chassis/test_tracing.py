# SPDX-License-Identifier: Apache-2.0
"""A trace travels with its event as exactly one traceparent, recorded or not."""

import re
from datetime import UTC, datetime

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

from cairn.ids import LearnerId, TenantId
from chassis import tracing
from chassis.streams.message import Headers, Message, Partition, Record

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SENT = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"
UNSAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


def test_without_a_span_every_event_begins_its_own_trace() -> None:
    first, second = tracing.traceparent(), tracing.traceparent()

    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", first)
    assert first[3:35] != second[3:35]


def test_the_current_span_is_the_parent_of_what_it_publishes() -> None:
    tracer = TracerProvider().get_tracer("test")
    with tracer.start_as_current_span("unit", context=tracing.extract(PARENT)) as span:
        written = tracing.traceparent()

    assert written[3:35] == PARENT[3:35]
    assert written[36:52] == f"{span.get_span_context().span_id:016x}"


def test_a_unit_links_to_the_traces_of_its_events_and_nonsense_to_nothing() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("test").start_as_current_span("unit"):
        tracing.link([PARENT, "nonsense", None])

    (span,) = exporter.get_finished_spans()
    assert [f"{link.context.trace_id:032x}" for link in span.links] == [PARENT[3:35]]


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Record the spans of this process; a sampler that is asked leaves out what began unsampled."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=ParentBased(ALWAYS_ON))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "tracer", provider.get_tracer("test"))
    monkeypatch.setattr(tracing, "recording", lambda: True)
    return exporter


def test_a_record_is_the_child_of_who_sent_it_and_linked_to_where_it_began(
    spans: InMemorySpanExporter,
) -> None:
    steps = tracing.Steps()
    steps.begin(_message(((tracing.HOP, SENT.encode()),)))
    headers = dict(steps.headers(PARENT))
    steps.end()

    (span,) = spans.get_finished_spans()
    assert span.name == "process results.v1"
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == SENT[36:52]
    assert [f"{link.context.span_id:016x}" for link in span.links] == [PARENT[36:52]]
    assert headers[tracing.HOP].decode()[36:52] == f"{span.context.span_id:016x}"


def test_a_record_whose_hop_is_not_told_is_the_child_of_where_it_began(spans: InMemorySpanExporter) -> None:
    steps = tracing.Steps()
    steps.begin(_message(()))
    steps.begin(_message((("other", b"x"),)))
    steps.end()

    parents = [f"{span.parent.span_id:016x}" for span in spans.get_finished_spans() if span.parent]
    assert parents == [PARENT[36:52]] * 2


def test_what_began_unsampled_is_not_recorded_and_says_nothing_of_a_hop(spans: InMemorySpanExporter) -> None:
    steps = tracing.Steps()
    steps.begin(_message((), UNSAMPLED))

    assert not steps.headers(UNSAMPLED)
    assert not steps.headers(None)
    steps.end()
    assert not spans.get_finished_spans()


def test_outside_of_a_record_the_hop_is_where_the_event_began(spans: InMemorySpanExporter) -> None:
    assert tracing.Steps().headers(PARENT) == [(tracing.HOP, PARENT.encode())]
    assert not spans.get_finished_spans()


def test_who_records_nothing_adds_nothing() -> None:
    steps = tracing.Steps()
    steps.begin(_message(()))

    assert not steps.headers(PARENT)
    assert tracing.sending("results.v1", [(tracing.HOP, PARENT.encode())])[1] is None


def test_sending_replaces_the_hop_and_ends_only_once_it_is_sent(spans: InMemorySpanExporter) -> None:
    headers, span = tracing.sending("results.v1", [(tracing.HOP, PARENT.encode()), ("ce_id", b"1")])

    assert span is not None
    assert not spans.get_finished_spans()
    span.end()
    (sent,) = spans.get_finished_spans()
    assert sent.parent is not None
    assert f"{sent.parent.span_id:016x}" == PARENT[36:52]
    assert [name for name, _ in headers] == ["ce_id", tracing.HOP]
    assert dict(headers)[tracing.HOP].decode()[36:52] == f"{sent.context.span_id:016x}"


def _message(headers: Headers, began: str = PARENT) -> Message[None]:
    record = Record(Partition("results.v1", 3), 7, b"", b"", headers, 0)
    as_of = datetime(2024, 5, 1, tzinfo=UTC)
    return Message(record, TenantId("t"), LearnerId("l"), "s", "e", b"", as_of, None, began)


def test_a_call_that_is_not_recorded_has_a_trace_for_its_logs() -> None:
    with tracing.answering("cairn.X/Get", PARENT):
        ours = tracing.traceparent()
    with tracing.answering("cairn.X/Get", None):
        other = tracing.traceparent()

    assert ours[3:35] == PARENT[3:35]
    assert ours[36:52] != PARENT[36:52]
    assert other[3:35] not in {ours[3:35], "0" * 32}
    assert tracing.traceparent()[3:35] not in {ours[3:35], other[3:35]}


def test_a_call_that_is_recorded_is_the_child_of_its_caller(spans: InMemorySpanExporter) -> None:
    with tracing.answering("cairn.X/Get", PARENT):
        pass

    (span,) = spans.get_finished_spans()
    assert (span.name, span.kind.name) == ("cairn.X/Get", "SERVER")
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == PARENT[36:52]
