"""Do tools work as they are promised, and are they refused where they are not?"""

from typing import Any

from gonogo.plugin import check, expect_kept
from gonogo.probes.chat import Chat
from gonogo.rules.tool_calls import call_flaws, forecast_tool, streamed_calls, whole_calls

ROOM = 200
"""Tokens for an answer that must not be cut off."""


@check("contract.tools.called", severity="critical", covers=["C5"])
def test_tools_called(chat: Chat, nonce: str) -> None:
    """A tool call has an id, the tool's name, arguments that are a JSON string of its schema, and its finish_reason."""
    tool = forecast_tool(nonce)
    answer = chat.ask(f"¿Qué tiempo hará en {nonce}?", tools=[tool], tool_choice="required", max_tokens=ROOM)
    expect_kept("tools", chat.model, answer.status, call_flaws(whole_calls(answer.body), tool))


@check("contract.tools.streamed", severity="critical", covers=["C5"])
def test_tools_streamed(chat: Chat, nonce: str) -> None:
    """A streamed tool call, put together by its indices, is a good one."""
    tool = forecast_tool(nonce)
    answer = chat.ask(
        f"¿Qué tiempo hará en {nonce}?", stream=True, tools=[tool], tool_choice="required", max_tokens=ROOM
    )
    expect_kept("tools", chat.model, answer.status, call_flaws(streamed_calls(answer.chunks), tool))


@check("contract.tools.named", severity="major", covers=["C5"])
def test_tools_named(chat: Chat, nonce: str) -> None:
    """A tool that is chosen by its name is the one that is called."""
    tools = [forecast_tool(nonce, name) for name in ("get_forecast", "get_history")]
    choice = {"type": "function", "function": {"name": "get_history"}}
    answer = chat.ask(f"¿Y en {nonce}?", tools=tools, tool_choice=choice, max_tokens=ROOM)
    read = whole_calls(answer.body)
    names = [call.name for call in read.calls]
    expect_kept("tools", chat.model, answer.status, [] if names == ["get_history"] else [f"the tools called: {names}"])


@check("contract.tools.none", severity="major", covers=["C5"])
def test_tools_none(chat: Chat, nonce: str) -> None:
    """With tool_choice none, no tool is called."""
    answer = chat.ask(f"¿Y en {nonce}?", tools=[forecast_tool(nonce)], tool_choice="none", max_tokens=12)
    names = [call.name for call in whole_calls(answer.body).calls]
    expect_kept("tools", chat.model, answer.status, [f"the tools called: {names}"] if names else [])


@check("contract.tools.result", severity="major", covers=["C5"])
def test_tools_result(chat: Chat, nonce: str) -> None:
    """A conversation goes on after a tool's result."""
    call = {"id": f"call_{nonce}", "type": "function", "function": {"name": "get_forecast", "arguments": "{}"}}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": f"¿Qué tiempo hará en {nonce}?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "Sol, 21 °C."},
    ]
    answer = chat.ask(messages, tools=[forecast_tool(nonce)], max_tokens=12)
    expect_kept("tools", chat.model, answer.status, [] if answer.text.strip() else ["the answer is empty"])
