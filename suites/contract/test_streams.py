"""Is a streamed completion the unstreamed one, in good form, and does it really stream?"""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from gonogo import resources
from gonogo.errors import InconclusiveError, Unsupported
from gonogo.plugin import check, expect_flawless, expect_kept
from gonogo.probes.chat import Chat, ChatAnswer
from gonogo.rules.streams import (
    MIN_GENERATION_MS,
    first_chunk,
    framing_flaws,
    is_buffered,
    role_flaws,
    usage_chunk_flaws,
)

LIMIT = 12
LONG = 64
"""Tokens of an answer that takes long enough to see it arrive."""
TRIES = 3
"""A machine can stall once: only a stream that always comes in blocks is buffered."""
MOST_TRIES = 6
MAX_WAIT = 0.25
"""Share of the generation's time that we waited for a processor, at most: half of it would make blocks by itself."""

AskedTwice = Callable[..., tuple[ChatAnswer, ChatAnswer]]


@pytest.fixture
def streamed(chat: Chat, prompt: str) -> ChatAnswer:
    """A streamed completion, whatever its stream is like."""
    return chat.answered(prompt, stream=True, max_tokens=LIMIT)


@check("contract.stream.terminates", severity="critical", covers=["C4"], smoke=True)
def test_stream_terminates(streamed: ChatAnswer) -> None:
    """A streamed answer ends with the done marker, and nothing comes after it."""
    assert (streamed.done, streamed.late_events) == (True, 0)


@check("contract.stream.finish_reason", severity="major", covers=["C4"], smoke=True)
def test_stream_finish_reason(streamed: ChatAnswer) -> None:
    """A streamed answer says exactly once why it ended."""
    assert len(streamed.finish_reasons) == 1


@check("contract.stream.framing", severity="major", covers=["C4"])
def test_stream_framing(streamed: ChatAnswer) -> None:
    """A stream has the media type of events, and each chunk the API's fields, one id and one model."""
    schema = resources.schema("chat-completion-chunk")
    expect_flawless(framing_flaws(streamed.http.headers.get("content-type", ""), streamed.chunks, schema))


@check("contract.stream.role_once", severity="minor", covers=["C4"])
def test_stream_role_once(streamed: ChatAnswer) -> None:
    """A stream says once whose turn it is, in its first delta."""
    expect_flawless(role_flaws(streamed.chunks))


@check("contract.stream.equals_unstreamed", severity="critical", covers=["C4"], smoke=True)
def test_stream_equals_unstreamed(exact_chat: Chat, asked_twice: AskedTwice) -> None:
    """The streamed text is the unstreamed text, where the model is deterministic."""
    del exact_chat
    whole, streamed = asked_twice(max_tokens=LIMIT)
    assert streamed.text == whole.text, f"streamed {streamed.text!r}, unstreamed {whole.text!r}"


@check("contract.stream.same_structure", severity="major", covers=["C4"])
def test_stream_same_structure(chat: Chat, asked_twice: AskedTwice) -> None:
    """Streamed and unstreamed answers agree in model and prompt tokens, and, where deterministic, in all figures."""
    whole, streamed = asked_twice(max_tokens=LIMIT)
    one, other = _structure(whole, whole.body), _structure(streamed, first_chunk(streamed.chunks))
    exact = chat.model.deterministic
    names = ["model", "has text", "prompt tokens", *(["finish_reason", "generated tokens"] if exact else [])]
    # whether an answer tells its usage is another check's question
    different = [name for name in names if name in one and name in other and one[name] != other[name]]
    expect_flawless([f"{name}: unstreamed {one[name]!r}, streamed {other[name]!r}" for name in different])


def _structure(answer: ChatAnswer, head: Mapping[str, Any]) -> dict[str, Any]:
    usage = answer.usage
    told = {"model": head.get("model"), "has text": bool(answer.text.strip())}
    told["finish_reason"] = answer.finish_reasons[-1:]
    if usage is not None:
        told |= {"prompt tokens": usage.get("prompt_tokens"), "generated tokens": usage.get("completion_tokens")}
    return told


@check("contract.stream.usage_if_asked", severity="major", covers=["C4"])
def test_stream_usage_if_asked(chat: Chat, prompt: str) -> None:
    """A stream tells its usage once at its end if that is asked for, and else not at all."""
    asked = chat.ask(prompt, stream=True, max_tokens=4, stream_options={"include_usage": True})
    silent = chat.answered(f"{prompt} 2", stream=True, max_tokens=4)
    expect_kept("stream_usage", chat.model, asked.status, usage_chunk_flaws(asked.chunks, silent.chunks))


@check("contract.stream.not_buffered", severity="major", covers=["C4"], exclusive=True)
def test_stream_not_buffered(chat: Chat, nonce: str) -> None:
    """The chunks of a stream arrive over time, as they are generated."""
    question, generation_ms = f"Cuenta una historia larga. [{nonce}", 0.0
    shorts: list[float] = []
    longs: list[float] = []
    streams: list[ChatAnswer] = []
    for i in range(MOST_TRIES):
        for most, durations in ((1, shorts), (LONG, longs)):
            durations.append(chat.complete(f"{question}-{i}-{most}]", max_tokens=most).http.duration_ms)
        generation_ms = min(longs) - min(shorts)  # a stall makes an answer later, never sooner
        if generation_ms >= MIN_GENERATION_MS:
            streams.append(chat.complete(f"{question}-{i}]", stream=True, max_tokens=LONG))
        if any(not is_buffered(stream.content_ms, generation_ms) for stream in streams):
            return
        telling = [stream for stream in streams if stream.http.waited_ms <= MAX_WAIT * generation_ms]
        if i + 1 >= TRIES and (generation_ms < MIN_GENERATION_MS or len(telling) >= TRIES):
            break
    if generation_ms < MIN_GENERATION_MS:
        raise Unsupported(f"{LONG} tokens take under {MIN_GENERATION_MS:g} ms: too quick to tell a buffer from speed")
    if not telling or len(streams) >= TRIES > len(telling):
        most_ms = max(stream.http.waited_ms for stream in streams)
        raise InconclusiveError(
            f"{len(streams)} streams came in blocks, but we waited for a processor, up to {most_ms:.0f} ms of one"
        )
    arrivals = [f"{[round(at_ms) for at_ms in t.content_ms[:5]]} .. {t.content_ms[-1:]}" for t in telling]
    expect_flawless([f"generated over {generation_ms:.0f} ms, arrived at {times} ms" for times in arrivals])
