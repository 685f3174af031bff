"""The chatbot probe: messages to the service, and the set of prompts asked concurrently."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from gonogo.documents import violations
from gonogo.probes.http import Http, HttpAnswer, strict_json
from gonogo.targets.model import Chatbot


@dataclass(frozen=True)
class Prompt:
    """One labelled prompt of a conversation set."""

    text: str
    intent: str
    in_scope: bool


@dataclass(frozen=True)
class Reply:
    """The raw answer to one prompt; nothing is repaired."""

    prompt: Prompt
    http: HttpAnswer

    @property
    def value(self) -> Mapping[str, Any] | None:
        """The body as a JSON object, or None if it is not one."""
        try:
            value = strict_json(self.http.body)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    def flaws(self, schema: dict[str, Any]) -> list[str]:
        """How the raw body breaks the contract: not answered with 200, not one JSON object, or against the schema."""
        if self.http.status != 200:
            return [f"HTTP {self.http.status}"]
        if self.value is None:
            return ["the body is not one JSON object"]
        return violations(dict(self.value), schema)


class ChatbotProbe:
    """Messages to a chatbot service."""

    def __init__(self, chatbot: Chatbot, http: Http) -> None:
        self.chatbot, self.http = chatbot, http

    def ask(self, prompt: Prompt) -> Reply:
        """Send one message in a session of its own."""
        return Reply(prompt, self.http.post(self.chatbot.message_path, {"message": prompt.text}))

    def ask_all(self, prompts: Sequence[Prompt]) -> list[Reply]:
        """Send every prompt, `concurrency` at a time; the replies come in the order of the prompts.

        Raises:
            EndpointFailedError: a message was not answered at all.
        """
        with ThreadPoolExecutor(self.chatbot.concurrency) as pool:
            return list(pool.map(self.ask, prompts))


def read_prompts(raw: object) -> list[Prompt]:
    """Prompts from a conversation set's plain values.

    Raises:
        TypeError, KeyError: the set is not of its form.
    """
    if not isinstance(raw, dict) or not isinstance(raw.get("prompts"), list):
        raise TypeError("a conversation set has a list under `prompts`")
    return [Prompt(str(p["text"]), str(p["intent"]), bool(p.get("in_scope", True))) for p in raw["prompts"]]
