"""Traces by their id, from Jaeger's or Tempo's HTTP API."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.probes.context import ProbeContext
from gonogo.probes.http import Http
from gonogo.rules.traces import Span, spans_of_jaeger, spans_of_otlp
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
        try:
            answer = self._http.get(f"/api/traces/{trace_id}", {"accept": "application/json"})
        except EndpointFailedError as error:
            raise InconclusiveError(f"{self._traces.kind} cannot be asked: {error}") from error
        if answer.status == _MISSING:
            return []
        if answer.status != 200:
            raise InconclusiveError(f"{self._traces.kind} answers HTTP {answer.status}: {answer.text[:200]}")
        return (spans_of_jaeger if self._traces.kind == "jaeger" else spans_of_otlp)(answer.json())

    def until_complete(self, trace_id: str) -> Sequence[Span]:
        """The spans of a trace as soon as every service has one; at the latest when the time is up."""
        deadline, spans = time.monotonic() + self._traces.within_s, self.spans(trace_id)
        wanted = set(self._traces.services)
        while wanted - {span.service for span in spans} and (rest_s := deadline - time.monotonic()) > 0:
            self._context.progress(f"until the trace is there: {rest_s:.0f} s at most")
            time.sleep(min(_LOOK_S, rest_s))
            spans = self.spans(trace_id)
        return spans
