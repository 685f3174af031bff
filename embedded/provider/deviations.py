"""How an answer of the OpenAI dialect is spoilt on its way out, where that is switched on."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from embedded.provider.switchboard import ProviderSwitchboard

Body = dict[str, Any]
DONE = "data: [DONE]\n\n"
_BLOCK_BYTES = 4096
_OLD = 1_577_836_800  # 2020-01-01


def _message(body: Body) -> Body:
    message: Body = body["choices"][0]["message"]
    return message


def _calls(body: Body) -> list[Body]:
    """The tool calls of a whole completion or of a chunk."""
    choices = body.get("choices") or [{}]
    part = choices[0].get("message") or choices[0].get("delta") or {}
    calls = part.get("tool_calls")
    return calls if isinstance(calls, list) else []


def _object_arguments(body: Body) -> None:
    for call in _calls(body):
        call["function"]["arguments"] = {"city": "x"}


def _cut_arguments(body: Body) -> None:
    for call in _calls(body):
        call["function"]["arguments"] = call["function"]["arguments"][:-3]


def _drop_ids(body: Body) -> None:
    for call in _calls(body):
        call.pop("id", None)


def _drop_indices(body: Body) -> None:
    for call in _calls(body):
        call.pop("index", None)


def _calls_as_object(body: Body) -> None:
    if _calls(body):
        _message(body)["tool_calls"] = _calls(body)[0]


def _drop_finish(body: Body) -> None:
    if body["choices"][0].get("logprobs"):
        body["choices"][0]["finish_reason"] = None


def _odd_finish(body: Body) -> None:
    body["choices"][0]["finish_reason"] = "eos"


def _count(body: Body, change: Callable[[int], Any], *keys: str) -> None:
    for key in keys:
        body["usage"][key] = change(body["usage"][key])


_ALWAYS: dict[str, Callable[[Body], None]] = {
    "id-constant": lambda body: body.update(id="chatcmpl-1"),
    "created-stale": lambda body: body.update(created=_OLD),
    "model-renamed": lambda body: body.update(model="another-model"),
    "tool-arguments-object": _object_arguments,
    "tool-arguments-broken": _cut_arguments,
    "tool-id-missing": _drop_ids,
}
"""What is spoilt in whole completions and in chunks."""
_THOUGHT = "El usuario pregunta; respondo con brevedad."


def _think(body: Body) -> None:
    _message(body)["reasoning_content"] = _THOUGHT


def _think_first(body: Body) -> None:
    for choice in body["choices"]:
        if "role" in choice["delta"]:  # of the first chunk
            choice["delta"]["reasoning_content"] = _THOUGHT


_WHOLE: dict[str, Callable[[Body], None]] = {
    "wrong-types": lambda body: body.update(created="2026-01-01T00:00:00Z"),
    "finish-reason-odd": _odd_finish,
    "thinks": _think,
    "logprobs-lose-finish": _drop_finish,
    "tool-calls-object": _calls_as_object,
    "usage-text": lambda body: _count(body, str, "prompt_tokens", "completion_tokens", "total_tokens"),
}
_CHUNK: dict[str, Callable[[Body], None]] = {
    "stream-model-differs": lambda body: body.update(model=f"{body['model']}-fast"),
    "tool-index-missing": _drop_indices,
    "tool-stream-cut": _cut_arguments,
    "thinks": _think_first,
}


def spoilt_whole(body: Body, board: ProviderSwitchboard) -> Body:
    """A whole completion with what is switched on."""
    for name, spoil in {**_ALWAYS, **_WHOLE}.items():
        if board.on(name):
            spoil(body)
    return body


def spoilt_chunk(body: Body, board: ProviderSwitchboard, position: int) -> Body:
    """A chunk with what is switched on; `position` counts from 0."""
    for name, spoil in {**_ALWAYS, **_CHUNK}.items():
        if board.on(name):
            spoil(body)
    if board.on("stream-id-changes"):
        body["id"] = f"{body['id']}-{position}"
    for choice in body["choices"]:
        if board.on("role-missing"):
            choice["delta"].pop("role", None)
        elif board.on("role-twice"):
            choice["delta"]["role"] = "assistant"
    if board.on("stream-figures-differ") and body.get("usage"):
        _count(body, lambda count: count + 5, "prompt_tokens", "total_tokens")
    return body


async def spoilt_stream(events: AsyncIterator[str], board: ProviderSwitchboard) -> AsyncIterator[bytes]:
    """The bytes of a stream's events, as proxies and broken servers would pass them on."""
    held = b""
    async for event in events:
        piece = _spoilt_bytes(event, board)
        if board.on("stream-buffered"):
            held += piece
        elif board.on("stream-blocks"):
            held += piece
            if len(held) >= _BLOCK_BYTES:
                yield held
                held = b""
        else:
            yield piece
    if held:
        yield held


def _spoilt_bytes(event: str, board: ProviderSwitchboard) -> bytes:
    raw = event.encode()
    if board.on("stream-broken-utf8") and len(raw) != len(event):  # the second byte of a character is lost
        cut = next(i for i, byte in enumerate(raw) if byte > 0x7F)
        return raw[: cut + 1] + raw[cut + 2 :]
    return raw


async def without_end(parts: AsyncIterator[Body]) -> AsyncIterator[Body]:
    """All parts of a stream but the one that says why it ended, and what comes after."""
    async for part in parts:
        choices = part.get("choices") or [{}]
        if choices[0].get("finish_reason") or part.get("done"):
            return
        yield part


def after_done(last: str, board: ProviderSwitchboard) -> Iterator[str]:
    """What comes at the end of a stream: the done marker, unless something is switched on."""
    if not board.on("stream-without-done"):
        yield DONE
    if board.on("stream-goes-on"):
        yield last
