"""Tool calls of an answer, whole or streamed, and what is wrong with their form. Plain JSON in, calls and flaws out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gonogo.documents import violations
from gonogo.rules.completions import choices_of
from gonogo.rules.reading import json_value, mapping, objects


@dataclass(frozen=True)
class ToolCall:
    """One call that a model wants made."""

    id: str
    name: str
    arguments: Any
    """Parsed; None where they are not JSON."""


@dataclass(frozen=True)
class ToolAnswer:
    """The calls of an answer and the flaws of their form."""

    calls: tuple[ToolCall, ...]
    flaws: tuple[str, ...]


def whole_calls(body: Mapping[str, Any]) -> ToolAnswer:
    """Read the tool calls of a whole completion."""
    choices = choices_of(body)
    raw = mapping(choices[0].get("message")).get("tool_calls") if choices else None
    if raw is not None and not isinstance(raw, list):
        return ToolAnswer((), (f"tool_calls is {type(raw).__name__}, not a list",))
    return _read(raw or [], [choice.get("finish_reason") for choice in choices], [])


def streamed_calls(chunks: Iterable[Mapping[str, Any]]) -> ToolAnswer:
    """Put the tool calls of a stream together by their index: id and name come once, the arguments in pieces."""
    calls: dict[str, dict[str, Any]] = {}
    flaws: list[str] = []
    choices = [choice for chunk in chunks for choice in choices_of(chunk)]
    deltas = [mapping(choice.get("delta")) for choice in choices]
    for piece in (piece for delta in deltas for piece in objects(delta.get("tool_calls"))):
        index = piece.get("index")
        if not isinstance(index, int):
            flaws.append("a piece of a streamed tool call has no index")
        _add(calls.setdefault(repr(index), {"function": {"arguments": ""}}), piece)
    reasons = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
    return _read(list(calls.values()), reasons, flaws)


def _add(call: dict[str, Any], piece: Mapping[str, Any]) -> None:
    function = mapping(piece.get("function"))
    call |= {key: piece[key] for key in ("id", "type") if piece.get(key)}
    if function.get("name"):
        call["function"]["name"] = function["name"]
    if (arguments := function.get("arguments")) is not None:
        so_far = call["function"]["arguments"]
        both_text = isinstance(arguments, str) and isinstance(so_far, str)
        call["function"]["arguments"] = so_far + arguments if both_text else arguments


def _read(raw: Sequence[Any], finish_reasons: Sequence[Any], flaws: list[str]) -> ToolAnswer:
    calls = [_call(item, flaws) for item in raw if isinstance(item, dict)]
    if not calls:
        flaws.append("no tool call")
    elif list(finish_reasons) != ["tool_calls"]:
        flaws.append(f"finish_reason is {', '.join(map(str, finish_reasons)) or 'missing'}, not tool_calls")
    if len({call.id for call in calls}) < len(calls):
        flaws.append("two tool calls have the same id")
    return ToolAnswer(tuple(calls), tuple(flaws))


def _call(raw: Mapping[str, Any], flaws: list[str]) -> ToolCall:
    function = mapping(raw.get("function"))
    identifier, name, arguments = raw.get("id"), function.get("name"), function.get("arguments")
    if not (isinstance(identifier, str) and identifier):
        flaws.append("a tool call has no id")
    if raw.get("type", "function") != "function":
        flaws.append(f"the type of a tool call is {raw.get('type')!r}")
    if not isinstance(arguments, str):
        flaws.append(f"arguments are {type(arguments).__name__}, not a JSON string")
        return ToolCall(str(identifier), str(name), arguments)
    try:
        return ToolCall(str(identifier), str(name), json_value(arguments))
    except ValueError:
        flaws.append(f"arguments are not JSON: {arguments[:80]!r}")
        return ToolCall(str(identifier), str(name), None)


def forecast_tool(city: str, name: str = "get_forecast") -> dict[str, Any]:
    """A tool whose arguments no model meets by chance: one city, one number of days, nothing else."""
    parameters = {
        "type": "object",
        "additionalProperties": False,
        "required": ["city", "days"],
        "properties": {"city": {"type": "string", "enum": [city]}, "days": {"type": "integer", "enum": [7]}},
    }
    return {
        "type": "function",
        "function": {"name": name, "description": f"Forecast of {city}", "strict": True, "parameters": parameters},
    }


def call_flaws(answer: ToolAnswer, tool: Mapping[str, Any]) -> list[str]:
    """What is wrong with an answer that must call this tool."""
    function = tool["function"]
    flaws = list(answer.flaws)
    flaws += [f"the tool called is {call.name!r}" for call in answer.calls if call.name != function["name"]]
    return flaws + [flaw for call in answer.calls for flaw in violations(call.arguments, function["parameters"])]


def native_call_flaws(function: Mapping[str, Any], tool: Mapping[str, Any]) -> list[str]:
    """What is wrong with a call of this tool in Ollama's native form, where the arguments are an object."""
    wanted = tool["function"]
    flaws = [] if function.get("name") == wanted["name"] else [f"the tool called is {function.get('name')!r}"]
    return flaws + violations(function.get("arguments"), wanted["parameters"])
