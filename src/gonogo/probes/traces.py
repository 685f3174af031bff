"""Traces by their id, from Jaeger's or Tempo's HTTP API."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from gonogo.probes.context import ProbeContext
from gonogo.probes.http import Http
from gonogo.probes.prometheus import asked, json_of
from gonogo.rules.traces import Span, spans_of_jaeger, spans_of_otlp, trace_flaws
from gonogo.targets.monitoring import Traces

_LOOK_S = 0.5
_MISSING = 404


@dataclass(frozen=True)
class TraceContext:
    """The caller's part of a trace (https://www.w3.org/TR/trace-context/)."""

    trace_id: str = field(default_factory=lambda: secrets.token_hex(16))
    span_id: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def headers(self) -> dict[str, str]:
        """What a request carries; it is sampled."""
        return {"traceparent": f"00-{self.trace_id}-{self.span_id}-01"}


class TraceProbe:
    """Looks traces up."""

    def __init__(self, traces: Traces, http: Http, context: ProbeContext) -> None:
        self._traces, self._http, self._context = traces, http, context

    def spans(self, trace_id: str) -> Sequence[Span]:
        """The spans of a trace that are there now.

        Raises:
            InconclusiveError: nobody can be asked.
        """
        answer = asked(self._http, f"/api/traces/{trace_id}", self._traces.kind, {"accept": "application/json"})
        if answer.status == _MISSING:
            return []
        body = json_of(answer, self._traces.kind)
        return (spans_of_jaeger if self._traces.kind == "jaeger" else spans_of_otlp)(body)

    def until_complete(self, trace: TraceContext) -> Sequence[Span]:
        """The spans of a trace as soon as it is whole; at the latest when the time is up.

        A parent ends after its children, and may be exported seconds later.
        """
        deadline, spans = time.monotonic() + self._traces.within_s, self.spans(trace.trace_id)
        wanted = self._traces.services
        while (not spans or trace_flaws(spans, wanted, trace.span_id)) and (rest_s := deadline - time.monotonic()) > 0:
            self._context.progress(f"until the trace is whole: {rest_s:.0f} s at most")
            time.sleep(min(_LOOK_S, rest_s))
            spans = self.spans(trace.trace_id)
        return spans
