"""Streamed completions: chunks as they came, and when. Plain data in, flaws out."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from gonogo.documents import violations
from gonogo.rules.completions import choices_of
from gonogo.rules.reading import mapping

MIN_GENERATION_MS = 100.0
"""A generation that is quicker than this cannot be told from a buffer."""
MIN_SPREAD = 0.3
"""Share of the generation's time over which its chunks arrive, at least; without a buffer it is about 1."""
MANY_CHUNKS = 16
CHUNKS_A_BURST = 8
"""More chunks at one moment than this, on average, were collected by somebody: speculative decoding yields fewer."""
BURST_MS = 1.0
"""Chunks that are no farther apart arrived at one moment."""
MAX_GAP = 0.5
"""Share of the generation's time without any chunk, at most; a proxy that collects blocks has long gaps."""


def framing_flaws(content_type: str, chunks: Sequence[Mapping[str, Any]], schema: dict[str, Any]) -> list[str]:
    """What is wrong with a stream's form: its media type, each chunk's schema, fields that must not change."""
    flaws = [] if content_type.startswith("text/event-stream") else [f"the content type is {content_type!r}"]
    flaws += [] if chunks else ["no chunk came"]
    chunks = chunks[_preamble(chunks) :]
    for i, chunk in enumerate(chunks):
        flaws += [f"chunk {i}: {violation}" for violation in violations(chunk, schema)]
    for field in ("id", "model", "created"):
        values = {repr(chunk.get(field)) for chunk in chunks}
        if len(values) > 1:
            flaws.append(f"{field} changes within the stream: {', '.join(sorted(values)[:3])}")
    return flaws


def _preamble(chunks: Sequence[Mapping[str, Any]]) -> int:
    """Chunks at the start that say nothing of the completion: Azure tells there what its filter found."""
    return next((i for i, chunk in enumerate(chunks) if choices_of(chunk) or chunk.get("usage")), 0)


def first_chunk(chunks: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The first chunk that says something of the completion; empty if there is none."""
    return chunks[_preamble(chunks)] if chunks else {}


def role_flaws(chunks: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is wrong with the role: it comes once, in the first delta."""
    deltas = [mapping(choice.get("delta")) for chunk in chunks for choice in choices_of(chunk)]
    places = [(i, delta["role"]) for i, delta in enumerate(deltas) if delta.get("role")]
    return [] if places == [(0, "assistant")] else [f"roles by delta: {places[:5]}, wanted assistant once in the first"]


def usage_chunk_flaws(asked: Sequence[Mapping[str, Any]], not_asked: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is wrong with the usage of two streams: it comes once, after the content, where it was asked for."""
    flaws = []
    places = [i for i, chunk in enumerate(asked) if chunk.get("usage")]
    if len(places) != 1:
        flaws.append(f"asked for, the usage came in {len(places)} chunks")
    elif any(choices_of(chunk) for chunk in asked[places[0] + 1 :]):
        flaws.append("choices came after the usage")
    unasked = sum(bool(chunk.get("usage")) for chunk in not_asked)
    return [*flaws, f"not asked for, the usage came in {unasked} chunks"] if unasked else flaws


def is_buffered(content_ms: Sequence[float], generation_ms: float) -> bool:
    """Whether chunks came in blocks rather than as they were generated.

    Args:
        content_ms: arrival of each content-bearing chunk.
        generation_ms: how long the generation takes, measured on whole answers (long one less short one).
    """
    if len(content_ms) < 2:
        return True
    spread = content_ms[-1] - content_ms[0]
    gaps = [later - earlier for earlier, later in pairwise(content_ms)]
    bursts = 1 + sum(gap > BURST_MS for gap in gaps)
    if len(content_ms) >= MANY_CHUNKS and bursts * CHUNKS_A_BURST < len(content_ms):
        return True
    return spread < MIN_SPREAD * generation_ms or max(gaps) > MAX_GAP * generation_ms
