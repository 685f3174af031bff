"""A provider's deviations by name."""

from embedded.switchboard import Switchboard

FAULTS: dict[str, str] = {
    "any-key": "every bearer token is taken, so a wrong key works",
    "counters-frozen": "the /metrics counters stop moving",
    "drops-chunk": "a stream loses its second content chunk",
    "embedding-batch-reversed": "a batch of embeddings comes in reverse order",
    "embedding-drifts": "the same text has another vector each time",
    "embedding-not-unit": "embeddings have the length 2",
    "embedding-zero": "embeddings are all zeros",
    "error-leaks-key": "error messages contain the caller's credential",
    "finish-reason-empty": "a stream ends without a finish_reason",
    "health-lies": "/health says 200 while every completion answers 503",
    "http-500": "every completion answers 500",
    "image-gone": "the container registry knows no image any more",
    "json-mode-prose": "response_format is ignored: prose instead of JSON",
    "metrics-infinite": "a latency metric reads +Inf",
    "model-list-empty": "the model list is empty although the models work",
    "no-auth": "no key is asked for",
    "object-differs": "the object store has another model file under the name",
    "object-missing": "the object store has lost its objects",
    "search-confused": "the document store answers with the worst documents instead of the best",
    "silent": "completions are accepted and never answered (bounded at 60 s)",
    "slow-first-token": "the first token comes after `delay_ms` (default 3000)",
    "slow-tokens": "every token takes `delay_ms` (default 120)",
    "stream-without-done": "a stream lacks the [DONE] marker",
    "unknown-model-accepted": "a model that does not exist is answered",
    "usage-wrong": "total_tokens is not the sum of its parts",
    "flaky": "every second completion answers 500",
    "wrong-types": "`created` of a whole completion is a text",
}


class ProviderSwitchboard(Switchboard):
    """A provider's deviations, and the tokens that it has counted."""

    def __init__(self) -> None:
        super().__init__(FAULTS)
        self.prompt_tokens = 0
        self.completion_tokens = 0
