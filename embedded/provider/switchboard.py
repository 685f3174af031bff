"""A provider's deviations by name."""

import asyncio
import json
from collections import defaultdict, deque
from pathlib import Path
from typing import Any

from embedded.front import FAILURES
from embedded.provider.setup import CONTEXT_TOKENS
from embedded.switchboard import Switchboard

FAULTS: dict[str, str] = {
    "answers-drift": "the same request has another answer each time",
    "any-key": "every bearer token is taken, so a wrong key works",
    "any-method": "every method is taken for POST",
    "bad-request-kills": "after a request that cannot be read, completions answer 503 for five requests",
    "bounds-ignored": "a JSON Schema's minimum and maximum are ignored",
    "client-answer-empty": "answers are empty where the user agent contains `agent`",
    "client-errors-hidden": "an unknown model answers 500 where the user agent contains `agent`",
    "client-refused": "requests whose user agent contains `agent` get 403 (`path`: those whose path ends so)",
    "client-stream-cut": "a stream lacks its end where the user agent contains `agent`",
    "context-cut": "a prompt longer than the context window is cut in silence",
    "counters-frozen": "the /metrics counters stop moving",
    "cold": "the first completion since it was switched on waits for `delay_ms` (default 3000)",
    "created-stale": "completions were created in 2020",
    "drops-chunk": "a stream loses its second content chunk",
    "embedding-anything-taken": "embeddings take any input",
    "embedding-base64-garbled": "embeddings in base64 have their bytes in the wrong order",
    "embedding-base64-ignored": "embeddings are numbers although base64 was asked for",
    "embedding-batch-reversed": "a batch of embeddings comes in reverse order",
    "embedding-drifts": "the same text has another vector each time",
    "embedding-not-unit": "embeddings have the length 2",
    "embedding-short": "embeddings have half of their numbers",
    "embedding-untyped": "an embedding does not say what it is",
    "embedding-zero": "embeddings are all zeros",
    "emoji-breaks": "a character beyond the basic plane answers 500",
    "empty-answer": "completions are empty, with HTTP 200",
    "empty-content-breaks": "an empty message answers 500",
    "error-leaks-key": "error messages contain the caller's credential",
    "error-plain-text": "errors are plain text (`code`: those of that code)",
    "error-stack-trace": "errors contain a stack trace",
    "errors-as-200": "errors come with HTTP 200",
    "finish-reason-empty": "a stream ends without a finish_reason",
    "finish-reason-odd": "a completion ends for a reason that the API does not know",
    "finish-reason-twice": "a stream says twice why it ended",
    "flaky": "every second completion answers 500",
    "health-lies": "/health says 200 while every completion answers 503",
    "health-red": "/health says 500 while completions work",
    "hesitant": "every third completion's first token comes after `delay_ms` (default 1500)",
    "history-dropped": "only the last message is read",
    "id-constant": "every completion has the same id",
    "image-gone": "the container registry knows no image any more",
    "json-mode-fenced": "JSON comes in a Markdown fence",
    "json-mode-prose": "response_format is ignored: prose instead of JSON",
    "limit-overrun": "answers are one token longer than their limit",
    "limit-says-stop": "an answer that was cut at its limit says finish_reason stop",
    "line-cut": "a message is cut after 400 characters",
    "logprobs-ignored": "log probabilities are not given",
    "logprobs-lose-finish": "with log probabilities the finish_reason is lost",
    "malformed-breaks": "a body that is not JSON answers 500",
    "metrics-infinite": "a latency metric reads +Inf",
    "missing-taken": "missing fields are taken for good",
    "model-list-empty": "the model list is empty although the models work (where the user agent contains `agent`)",
    "model-list-ghost": "the model list holds a model that does not work",
    "model-list-twice": "the model list holds each model twice",
    "model-renamed": "answers name another model",
    "n-ignored": "one choice is given however many are asked for",
    "narrow": "completions are answered one after the other",
    "no-auth": "no key is asked for",
    "object-differs": "the object store has another model file under the name",
    "object-missing": "the object store has lost its objects",
    "ollama-done-early": "a native stream says done in its first line",
    "ollama-durations-missing": "native answers do not tell how long they took",
    "ollama-durations-wrong": "native answers tell durations a thousand times too long",
    "ollama-embed-flat": "/api/embed gives a vector where a list of them is wanted",
    "ollama-embed-one": "/api/embed gives one vector, however many texts it gets",
    "ollama-embed-differs": "/api/embed gives other vectors than /api/embeddings",
    "ollama-error-object": "native errors are objects, not texts",
    "ollama-event-stream": "native streams call themselves an event stream",
    "ollama-format-ignored": "the native `format` is ignored",
    "ollama-limit-ignored": "num_predict is ignored",
    "ollama-malformed-breaks": "natively, a body that cannot be read answers 500",
    "ollama-message-text": "/api/chat answers with a text instead of a message",
    "ollama-native-differs": "the native API says something else than the compatible one",
    "ollama-response-missing": "/api/generate answers without its response",
    "ollama-show-nothing": "/api/show tells no capabilities",
    "ollama-tools-ignored": "natively, tools are ignored",
    "parts-dropped": "a content in parts is not read",
    "pattern-ignored": "a JSON Schema's pattern is ignored",
    "prompt-prefixed": "a system message is added to every prompt",
    "range-taken": "numbers out of their range are taken",
    "ready-at-once": "/health says 200 while the model still loads",
    "refusals-slow": "a refusal takes `delay_ms` (default 6000)",
    "replica-old": "the version that is loaded is an older one",
    "retry-after-missing": "429 comes without Retry-After",
    "role-missing": "a stream never says whose turn it is",
    "role-twice": "a stream says the role in every chunk",
    "routes-forgiving": "an unknown path answers 200",
    "schema-ignored": "a JSON Schema is taken and ignored",
    "schema-ignored-in-streams": "a JSON Schema is ignored in streams",
    "schema-loose": "an answer has a property that its JSON Schema forbids",
    "schema-nonsense-taken": "a schema that is none is taken",
    "search-confused": "the document store answers with the worst documents instead of the best",
    "seed-ignored": "above temperature 0 the seed does not count",
    "size-breaks": "large requests answer 500",
    "slow-first-token": "the first token comes after `delay_ms` (default 3000)",
    "slow-tokens": "every token takes `delay_ms` (default 120)",
    "stop-ignored": "stop sequences are ignored",
    "stop-included": "the stop sequence stands at the end of the answer",
    "stop-lists-ignored": "several stop sequences are ignored",
    "stream-blocks": "a proxy collects chunks into three blocks",
    "stream-broken-utf8": "a character is broken at a chunk's border",
    "stream-buffered": "a proxy holds a stream back until it is complete",
    "stream-figures-differ": "a stream counts prompt tokens otherwise than a whole answer",
    "stream-goes-on": "a chunk comes after the done marker",
    "stream-id-changes": "every chunk has another id",
    "stream-model-differs": "a stream names another model than a whole answer",
    "stream-plain-text": "a stream has the media type text/plain",
    "stream-without-done": "a stream lacks the [DONE] marker",
    "streams-uncounted": "the request counter does not count streams",
    "stutter": "every third token keeps the next one waiting for `delay_ms` (default 400)",
    "system-dropped": "the system message is not read",
    "terse": "answers are cut after two tokens",
    "thinks": "answers have a reasoning beside their text",
    "throttle-never": "no request is refused for a rate limit",
    "throttle-doubled": "twice as many requests pass as the rate limit says",
    "throttle-503": "past the rate limit, requests answer 503",
    "tokens-doubled": "prompts cost twice their tokens",
    "tool-arguments-broken": "the arguments of a tool call are cut JSON",
    "tool-arguments-object": "the arguments of a tool call are an object, not a JSON string",
    "tool-calls-object": "tool_calls is an object, not a list",
    "tool-choice-ignored": "a tool is called although tool_choice is none",
    "tool-finish-stop": "a tool call ends with finish_reason stop",
    "tool-id-missing": "a tool call has no id",
    "tool-index-missing": "the pieces of a streamed tool call have no index",
    "tool-name-ignored": "the first tool is called, whichever was chosen",
    "tool-result-refused": "a tool's result is refused",
    "tool-stream-cut": "a streamed tool call loses the end of its arguments",
    "tools-ignored": "tools are taken and ignored",
    "types-coerced": "fields of the wrong type are taken",
    "unicode-mangled": "characters beyond ASCII come as question marks",
    "unknown-model-accepted": "a model that does not exist is answered",
    "usage-always": "a stream tells its usage without being asked",
    "usage-never": "a stream never tells its usage",
    "usage-text": "the counts of the usage are texts",
    "usage-wrong": "total_tokens is not the sum of its parts",
    "wrong-types": "`created` of a whole completion is a text",
}


class ProviderSwitchboard(Switchboard):
    """A provider's deviations, and the tokens that it has counted."""

    def __init__(
        self,
        sticky: Path | None = None,
        first_token_ms: float = 20.0,
        token_ms: float = 4.0,
        context_tokens: int = CONTEXT_TOKENS,
    ) -> None:
        super().__init__({**FAULTS, **FAILURES})
        self.first_token_ms, self.token_ms, self.context_tokens = first_token_ms, token_ms, context_tokens
        """How quick the model is, while nothing slows it down."""
        self._sticky = sticky
        if sticky is not None and sticky.is_file():
            self._on = json.loads(sticky.read_text(encoding="utf-8"))
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.poisoned = 0
        """Completions that still fail after a bad request (``bad-request-kills``)."""
        self.admitted: defaultdict[str, deque[float]] = defaultdict(deque)
        """When requests were let in within the window of a limit, by its name."""
        self.narrow = asyncio.Lock()
        """Whoever holds it is answered (``narrow``)."""
        self.is_warm = True
        """A completion came since ``cold`` was switched on."""

    def switch_on(self, name: str, parameters: dict[str, Any]) -> None:
        """Switch a deviation on, over a restart too if there is a file for that.

        Raises:
            KeyError: no deviation has that name.
        """
        super().switch_on(name, parameters)
        self.is_warm = self.is_warm and name != "cold"
        self._keep()

    def switch_off(self, name: str) -> None:
        """Switch a deviation off."""
        super().switch_off(name)
        self._keep()

    def reset(self) -> None:
        """Back to health."""
        super().reset()
        self.poisoned = 0
        self.admitted.clear()
        self._keep()

    def _keep(self) -> None:
        if self._sticky is not None:
            self._sticky.write_text(json.dumps(self._on), encoding="utf-8")
