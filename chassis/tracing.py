# SPDX-License-Identifier: Apache-2.0
"""Traces: each event carries the one in which it began, and each record the span that sent it.

The extension ``traceparent`` of an event names where it began and stays what it is. The header
``traceparent`` of a record is the hop's: whoever folds the record is the child of whoever sent it, and links
to the beginning (interop E.5). A header is replaced and never appended. Nothing here holds a learner.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind

from chassis.streams.message import Message

HOP = "traceparent"
Header = tuple[str, bytes]

_ids = RandomIdGenerator()
tracer = trace.get_tracer("cairn")


def recording() -> bool:
    """Tell whether this process records any span at all."""
    provider = trace.get_tracer_provider()
    return isinstance(provider, TracerProvider) and provider.sampler is not ALWAYS_OFF


def traceparent() -> str:
    """Return the W3C traceparent of the current span, or that of a new trace where there is none."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return f"00-{_ids.generate_trace_id():032x}-{_ids.generate_span_id():016x}-00"
    return _text(context)


def extract(parent: str | None) -> Context:
    """Return the context that a traceparent names; an empty one when it names none."""
    return propagate.extract({"traceparent": parent}, context=Context()) if parent else Context()


def link(parents: Iterable[str | None]) -> None:
    """Link the current span, if it is recorded, to the traces in which its events began."""
    span = trace.get_current_span()
    if span.is_recording():
        for parent in parents:
            context = _named(parent)
            if context.is_valid:
                span.add_link(context)


def answering(name: str, parent: str | None) -> AbstractContextManager[object]:
    """Span one call that is answered, in the trace that its caller names.

    Where nothing is recorded the call has a trace all the same, which its logs name, at a tenth of the cost.
    """
    if recording():
        return tracer.start_as_current_span(name, extract(parent), SpanKind.SERVER, record_exception=False)
    return _Unrecorded(parent)


class _Unrecorded:
    """A trace that is followed and not recorded, for as long as a call lasts."""

    def __init__(self, parent: str | None) -> None:
        named = _named(parent).trace_id if parent else 0
        context = SpanContext(named or _ids.generate_trace_id(), _ids.generate_span_id(), is_remote=False)
        self._span = NonRecordingSpan(context)

    def __enter__(self) -> None:
        self._token = attach(trace.set_span_in_context(self._span))

    def __exit__(self, *_raised: object) -> None:
        detach(self._token)


@contextmanager
def processing(consumer: str, records: int) -> Iterator[None]:
    """Span one unit of work, as the conventions for messaging name it (semconv 1.44, process)."""
    attributes: dict[str, str | int] = {"messaging.system": "kafka", "messaging.batch.message_count": records}
    with tracer.start_as_current_span(f"process {consumer}", kind=SpanKind.CONSUMER, attributes=attributes):
        yield


class Steps:
    """The spans of a unit's records, one after the other: of those alone whose trace is sampled."""

    def __init__(self) -> None:
        """Begin with no record."""
        self._recording = recording()
        self._span: Span | None = None

    def begin(self, message: Message[Any]) -> None:
        """End the span of the record before, and begin that of this one."""
        if not self._recording:
            return
        self.end()
        parent = _named(_hop(message.record.headers) or message.traceparent)
        if not parent.trace_flags.sampled:
            return
        at = message.record.at
        self._span = tracer.start_span(
            f"process {at.topic}",
            trace.set_span_in_context(NonRecordingSpan(parent)),
            SpanKind.CONSUMER,
            {
                "messaging.system": "kafka",
                "messaging.destination.name": at.topic,
                "messaging.destination.partition.id": str(at.number),
                "messaging.kafka.offset": message.record.offset,
            },
            [Link(each) for each in self._beside(message) if each.is_valid],
        )

    def end(self) -> None:
        """End the span of the last record."""
        if self._span is not None:
            self._span.end()
            self._span = None

    def headers(self, began: str | None) -> Sequence[Header]:
        """Return what a record published now carries of its hop; ``began`` is where its event began."""
        if not self._recording:
            return ()
        hop = _named(began) if self._span is None else self._span.get_span_context()
        return [(HOP, _text(hop).encode())] if hop.trace_flags.sampled else ()

    @staticmethod
    def _beside(message: Message[Any]) -> Iterable[SpanContext]:
        """Return what a record's span links to: where its event began, and the unit that it is folded in."""
        return _named(message.traceparent), trace.get_current_span().get_span_context()


def sending(topic: str, headers: Sequence[Header]) -> tuple[Sequence[Header], Span | None]:
    """Begin the span of a record that is sent, if its trace is sampled; return its headers with that hop.

    It is the caller's to end once the broker has the record: one that never ends is told nobody.
    """
    hop = _hop(headers)
    if hop is None or not recording():
        return headers, None
    attributes = {"messaging.system": "kafka", "messaging.destination.name": topic}
    span = tracer.start_span(f"send {topic}", extract(hop), SpanKind.PRODUCER, attributes)
    if not span.is_recording():
        return headers, None
    kept = [header for header in headers if header[0] != HOP]
    return [*kept, (HOP, _text(span.get_span_context()).encode())], span


def _hop(headers: Iterable[Header]) -> str | None:
    found = next((value for name, value in headers if name == HOP), None)
    # A client library hands on Kafka's null header as None, whatever its types say.
    return found.decode("latin-1") if found else None


def _named(parent: str | None) -> SpanContext:
    return trace.get_current_span(extract(parent)).get_span_context()


def _text(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
