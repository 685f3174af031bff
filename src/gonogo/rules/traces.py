"""What a trace of one request must hold. Pure."""

import base64
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Span:
    """A part of a trace."""

    span_id: str
    parent_id: str
    """Empty: it has none."""
    service: str
    name: str


def trace_flaws(spans: Sequence[Span], services: Collection[str], caller: str) -> list[str]:
    """Services without a span, and spans whose parent nobody has told.

    Args:
        spans: of one trace.
        services: each must have one.
        caller: the id of the caller's own span, which nobody exports.
    """
    seen = {span.service for span in spans}
    flaws = [f"no span of {service}" for service in services if service not in seen]
    known = {span.span_id for span in spans} | {caller, ""}
    orphans = Counter(f"{span.service}: {span.name}" for span in spans if span.parent_id not in known)
    return flaws + [f"the parent of a span of {told} is not in the trace" for told in orphans]


def spans_of_jaeger(body: Mapping[str, Any]) -> list[Span]:
    """From an answer of Jaeger's ``/api/traces/ID``; none where it knows no such trace."""
    found: list[Span] = []
    for trace in body.get("data") or ():
        processes = trace.get("processes") or {}
        for span in trace.get("spans") or ():
            parents = [r["spanID"] for r in span.get("references") or () if r.get("refType") == "CHILD_OF"]
            service = str((processes.get(span.get("processID")) or {}).get("serviceName", ""))
            found.append(Span(span["spanID"], parents[0] if parents else "", service, span.get("operationName", "")))
    return found


def spans_of_otlp(body: Mapping[str, Any]) -> list[Span]:
    """From OTLP in JSON, as Tempo answers (``batches`` or ``resourceSpans``); ids in hexadecimal or base64."""
    batches = body.get("batches") or body.get("resourceSpans") or (body.get("trace") or {}).get("resourceSpans") or ()
    found: list[Span] = []
    for batch in batches:
        service = _service(batch.get("resource") or {})
        for scope in batch.get("scopeSpans") or batch.get("instrumentationLibrarySpans") or ():
            found += [
                Span(_hex(span["spanId"]), _hex(span.get("parentSpanId") or ""), service, span.get("name", ""))
                for span in scope.get("spans") or ()
            ]
    return found


def _service(resource: Mapping[str, Any]) -> str:
    attributes = {item["key"]: item["value"] for item in resource.get("attributes") or ()}
    return str((attributes.get("service.name") or {}).get("stringValue", ""))


_HEX_DIGITS = 16


def _hex(identifier: str) -> str:
    """An id in hexadecimal: protobuf's own JSON has base64 where OTLP's has hexadecimal."""
    if len(identifier) in {0, _HEX_DIGITS}:
        return identifier.lower()
    try:
        return base64.b64decode(identifier, validate=True).hex()
    except ValueError:
        return identifier
