"""The chatbot probe: conversations with the service, one turn after the other; nothing is repaired."""

import json
import secrets
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from gonogo.documents import DocumentError, load_document
from gonogo.errors import EndpointFailedError, InconclusiveError, StarvedError
from gonogo.model import Observation
from gonogo.probes.context import ProbeContext
from gonogo.probes.http import Client, Http, HttpAnswer
from gonogo.probes.patience import TOO_MANY, asked_pause_s
from gonogo.rules.completions import choices_of, is_cut_off, text_of
from gonogo.rules.conversations import Answer, Conversation
from gonogo.rules.reading import json_value, mapping, objects
from gonogo.targets.chatbot import Chatbot
from gonogo.texts import with_texts

_PAUSES_S, _MAX_PAUSE_S = (2.0, 10.0), 65.0


class ChatbotProbe:
    """Messages to a chatbot: a service that keeps sessions, or a chat-completions endpoint that is told everything."""

    def __init__(self, chatbot: Chatbot, client: Client, context: ProbeContext) -> None:
        self.chatbot, self._client, self._context = chatbot, client, context
        self.http = Http(client, chatbot.url, chatbot.key, context, chatbot.timeout_s)
        self._redactor = context.redactor.also(self._system())  # long, in forms of several escapes: made once

    def say(self, text: str) -> HttpAnswer:
        """One message in a conversation of its own.

        Raises:
            EndpointFailedError: no answer.
        """
        return self._send(self.http, [text], [], uuid.uuid4().hex)

    def talk(self, conversation: Conversation, repeat: int = 0) -> list[Answer]:
        """Hold a conversation; it ends early where a message is not answered.

        A repetition differs by blanks at the end, which no person sees and no exact cache knows, not even from the run
        before.

        Raises:
            InconclusiveError: a message could not be sent.
            BudgetExhaustedError: the run's budget is used up.
        """
        session, turns = uuid.uuid4().hex, [text + _blanks(repeat) for text in conversation.turns]
        answers: list[Answer] = []
        for i, said in enumerate(turns):
            answer = self.turn(turns[: i + 1], [answer.body for answer in answers], session)
            answers.append(replace(answer, key=conversation.key, repeat=repeat, turn=i, said=said))
            if not answer.answered:
                break
        return answers

    def turn(self, turns: Sequence[str], earlier: Sequence[str], session: str) -> Answer:
        """Say the last of the turns in a session; `earlier` are the answers to those before."""
        seen: list[Observation] = []

        def record(observation: Observation) -> None:
            seen.append(observation)
            self._context.record(observation)

        context = replace(self._context, record=record, redactor=self._redactor)
        http = Http(self._client, self.chatbot.url, self.chatbot.key, context, self.chatbot.timeout_s)
        began = time.perf_counter()
        try:
            answer = self._patiently(http, turns, earlier, session)
        except EndpointFailedError as error:
            failed = HttpAnswer(0, {}, b"", (time.perf_counter() - began) * 1000)
            return replace(self._answer(failed, seen, str(error)), starved=isinstance(error, StarvedError))
        return self._answer(answer, seen)

    def _answer(self, http: HttpAnswer, seen: Sequence[Observation], error: str = "") -> Answer:
        redact = self._context.redactor.text
        body, is_cut = self._content(http)
        return Answer(
            key="",
            repeat=0,
            turn=0,
            said="",
            status=http.status,
            body=redact(body),
            duration_ms=round(http.duration_ms, 3),
            content_type=http.headers.get("content-type", ""),
            is_utf8=_is_utf8(http.body),
            error=redact(error),
            repeat_with=seen[-1].repeat if seen else "",
            is_cut=is_cut,
        )

    def _patiently(self, http: Http, turns: Sequence[str], earlier: Sequence[str], session: str) -> HttpAnswer:
        """Send a message; one that is refused for too many requests once more, as a polite client would.

        Unlike `patiently` the last refusal is an answer, which `talk` notes as any other; so it is where the run has no
        time left to wait.
        """
        for otherwise_s in _PAUSES_S:
            answer = self._send(http, turns, earlier, session)
            pause_s = min(asked_pause_s(answer, otherwise_s), _MAX_PAUSE_S)
            if answer.status != TOO_MANY or pause_s >= http.remaining_s():
                return answer
            time.sleep(pause_s)
        return self._send(http, turns, earlier, session)

    def _send(self, http: Http, turns: Sequence[str], earlier: Sequence[str], session: str) -> HttpAnswer:
        if self.chatbot.completions is not None:
            body = self._completion(turns, earlier)
        else:
            body = {self.chatbot.message_field: turns[-1], self.chatbot.session_field: session}
        body |= mapping(with_texts(self.chatbot.no_cache.body, _fresh))
        headers = {name: _fresh(value) for name, value in self.chatbot.no_cache.headers.items()}
        headers |= {name: secret.value for name, secret in self.chatbot.headers.items()}
        content = json.dumps(body).encode()  # ASCII: any text can be sent
        answer = http.send("POST", self.chatbot.message_path, content, headers)
        http.spend_told(answer)
        return answer

    def _completion(self, turns: Sequence[str], earlier: Sequence[str]) -> dict[str, Any]:
        asked = self.chatbot.completions
        assert asked is not None
        messages = [{"role": "system", "content": system}] if (system := self._system()) else []
        for i, text in enumerate(turns):
            messages.append({"role": "user", "content": text})
            messages += [{"role": "assistant", "content": earlier[i]}] if i < len(earlier) else []
        body: dict[str, Any] = {"model": asked.model, "messages": messages, asked.limit_field: asked.max_tokens}
        match asked.response_format:
            case "json_schema":
                named = {"name": "chatbot_reply", "schema": _schema_of(self.chatbot)}
                body["response_format"] = {"type": "json_schema", "json_schema": named}
            case "json_object":
                body["response_format"] = {"type": "json_object"}
        return body

    def _system(self) -> str:
        """The system prompt with the canaries in it: of a chat-completions endpoint it is ours to plant."""
        lines = [self.chatbot.system_prompt, *(f"[{canary}]" for canary in self.chatbot.canaries)]
        return "\n".join(filter(None, lines))

    def _content(self, http: HttpAnswer) -> tuple[str, bool]:
        """What the chatbot said, and whether it was cut off at the limit that the target asks for."""
        if self.chatbot.completions is None or http.status != 200:
            return http.text, False
        try:
            body: Mapping[str, Any] = mapping(json_value(http.text))
        except ValueError:
            return http.text, False
        if not (choices := choices_of(body)):
            return http.text, False
        text = "".join(map(_said, choices))
        return text, any(is_cut_off(text, choice.get("finish_reason")) for choice in choices)


def _said(choice: Mapping[str, Any]) -> str:
    """The text of a choice, whether it came whole or in parts."""
    parts = objects(mapping(choice.get("message")).get("content"))
    return "".join(str(part.get("text", "")) for part in parts) or text_of(choice)


def _blanks(repeat: int) -> str:
    """Spaces and tabs that differ from one repetition, and from one run, to the next; none the first time."""
    return "".join(secrets.choice(" \t") for _ in range(6 + repeat)) if repeat else ""


def _fresh(text: str) -> str:
    return text.replace("{nonce}", uuid.uuid4().hex)


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _schema_of(chatbot: Chatbot) -> Any:  # noqa: ANN401 (a JSON Schema)
    try:
        return load_document(chatbot.schema).value
    except DocumentError as error:
        raise InconclusiveError(f"the chatbot's schema cannot be read: {error}") from error
