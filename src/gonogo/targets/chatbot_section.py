"""The section ``chatbot`` of a target file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gonogo import resources
from gonogo.documents import did_you_mean
from gonogo.redaction import Redactor
from gonogo.targets.chatbot import Asking, Chatbot, Completions, Fields, NoCache
from gonogo.targets.secrets import Secret
from gonogo.targets.target_file import TargetFile

_BUILT_HERE = {
    "asking", "baseline", "canaries", "completions", "confused_with", "consistency", "conversations", "fields",
    "headers", "key", "no_cache", "schema", "system_prompt", "url",
}  # fmt: skip
_SHIPPED_SETS = ("cars-es", "adversarial-es")
USUAL_LANGUAGES = ("de", "en", "es", "fr", "it", "pt")
"""The languages that an answer is told from, where a target names no other (ISO 639-1)."""
_SHORTEST_CANARY = 8


class ChatbotSection:
    """Reads the section; what is wrong is told to the file."""

    def __init__(self, file: TargetFile) -> None:
        self._file = file

    def read(self, raw: dict[str, Any], gateway_models: Sequence[str]) -> Chatbot:
        """The chatbot; `gateway_models` are the names that its `model` may have."""
        if "model" in raw:
            self._file.expect_known("model of the gateway", raw["model"], gateway_models, ("chatbot", "model"))
        asking = Asking(**raw.get("asking", {}))
        self._check_asking(asking)
        completions = Completions(**raw["completions"]) if "completions" in raw else None
        has_own_path = completions is None or "message_path" in raw
        schemas = resources.folder("fixtures") / "schemas"
        paths = ("/v1/chat/completions", "/health") if completions else ("/api/chat/message", "/api/chat/health")
        named = raw.get("conversations", _SHIPPED_SETS)
        return Chatbot(
            **{
                "message_path": paths[0],
                "health_path": paths[1],
                "language": "es",
                "timeout_s": 30.0,
                **{key: value for key, value in raw.items() if key not in _BUILT_HERE},
            },
            url=raw["url"].rstrip("/") if has_own_path else self._file.base_url(raw["url"], ("chatbot", "url")),
            key=self._file.secret(raw.get("key"), ("chatbot", "key")),
            schema=self._named(raw, "schema") or schemas / "chatbot-reply.schema.json",
            consistency=self._consistency(raw, schemas),
            conversations=tuple(self._set(name, i) for i, name in enumerate(named)),
            confused_with=tuple(raw.get("confused_with", USUAL_LANGUAGES)),
            headers=self._headers(raw.get("headers", {})),
            completions=completions,
            fields=Fields(**raw.get("fields", {})),
            asking=asking,
            no_cache=NoCache(**raw.get("no_cache", {})),
            system_prompt=self._text(raw.get("system_prompt")),
            canaries=self._canaries(raw.get("canaries", ())),
            baseline=self._named(raw, "baseline"),
        )

    def _named(self, raw: dict[str, Any], key: str) -> Path | None:
        return self._file.file(raw[key], ("chatbot", key)) if key in raw else None

    def _consistency(self, raw: dict[str, Any], schemas: Path) -> Path | None:
        usual = None if "schema" in raw else schemas / "chatbot-consistency.schema.json"
        return self._named(raw, "consistency") or usual

    def _headers(self, raw: dict[str, dict[str, str]]) -> dict[str, Secret]:
        found = {name: self._file.secret(value, ("chatbot", "headers", name)) for name, value in raw.items()}
        return {name: secret for name, secret in found.items() if secret is not None}

    def _canaries(self, raw: Sequence[str]) -> tuple[str, ...]:
        for i, canary in enumerate(raw):
            if sum(map(str.isalnum, canary)) < _SHORTEST_CANARY:
                message = f"has fewer than {_SHORTEST_CANARY} letters and digits: ordinary text may hold it"
                self._file.problem(("chatbot", "canaries", i), message)
            if Redactor().text(canary) != canary:
                self._file.problem(("chatbot", "canaries", i), "looks like a key, which is masked before anybody looks")
        return tuple(raw)

    def _set(self, name: str, place: int) -> Path:
        """A conversation set: a file, or the name of a shipped one."""
        named = resources.conversation_sets()
        if name in named:
            return named[name]
        if not self._file.path(name).is_file():
            message = f"no file or shipped set {name!r}{did_you_mean(name, named)}"
            self._file.problem(("chatbot", "conversations", place), message)
        return self._file.path(name)

    def _text(self, name: str | None) -> str:
        if name is None:
            return ""
        try:
            return self._file.path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self._file.problem(("chatbot", "system_prompt"), f"{name} cannot be read: {error}")
            return ""

    def _check_asking(self, asking: Asking) -> None:
        where = ("chatbot", "asking")
        if not asking.repeats / 2 < asking.agree <= asking.repeats:
            self._file.problem(
                (*where, "agree"), f"must be more than half of the {asking.repeats} repeats, and not more"
            )
        if asking.money is not None and asking.price_per_message <= 0:
            self._file.problem((*where, "money"), "needs price_per_message: what one message costs")
        elif asking.most_messages < 1:
            self._file.problem((*where, "money"), "does not pay for one message")
