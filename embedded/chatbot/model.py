"""A model behind an OpenAI-compatible API, which answers as the chatbot does."""

import json
from typing import Any

import httpx

from embedded.chatbot.brain import SYSTEM_PROMPT, NoThoughtError, Settings

_FIELDS: dict[str, Any] = {
    "response": {"type": "string"},
    "intent": {"type": "string"},
    "confidence": {"type": "number", "minimum": 0, "maximum": 1},
    "isFallback": {"type": "boolean"},
    "parameters": {"type": "object"},
    "leadSignals": {"type": "array", "items": {"type": "string"}},
    "suggestedAction": {"type": "string"},
    "quickReplies": {"type": "array", "items": {"type": "string"}},
}
_RESPONSE_FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "chatbot_reply",
        "schema": {"type": "object", "properties": _FIELDS, "required": list(_FIELDS)},
    },
}


class Model:
    """The model of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = httpx.AsyncClient(limits=httpx.Limits(max_connections=64))

    async def reply(self, turns: list[str]) -> dict[str, Any]:
        """Its reply to the last of the user's turns.

        Raises:
            NoThoughtError: it does not answer, or not as it was told.
        """
        try:
            return await self._ask(turns)
        except (httpx.HTTPError, ValueError, KeyError, TypeError, IndexError) as error:
            raise NoThoughtError from error

    async def close(self) -> None:
        """Give its connections back."""
        await self._client.aclose()

    async def _ask(self, turns: list[str]) -> dict[str, Any]:
        messages = [{"role": "system", "content": SYSTEM_PROMPT}]
        messages += [{"role": "user", "content": turn} for turn in turns]
        answer = await self._client.post(
            f"{self._settings.base_url}/chat/completions",
            json={"model": self._settings.model, "messages": messages, "response_format": _RESPONSE_FORMAT,
                  "temperature": 0},
            headers={"authorization": f"Bearer {self._settings.key}"},
            timeout=self._settings.timeout_s,
        )  # fmt: skip
        answer.raise_for_status()
        reply = json.loads(answer.json()["choices"][0]["message"]["content"])
        if not isinstance(reply, dict):
            raise TypeError("the model's reply is not an object")
        return reply
