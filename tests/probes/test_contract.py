"""Probes of the suite contract against servers that behave, and that do not."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from gonogo.documents import Problem
from gonogo.errors import BudgetExhaustedError, EndpointFailedError, InconclusiveError, NotDeclared
from gonogo.fixtures.contract import Volley
from gonogo.plugin import flaws_of
from gonogo.probes.chat import Chat
from gonogo.probes.clients import OllamaClient, OpenAiClient
from gonogo.probes.embeddings import Embedder
from gonogo.probes.http import Http
from gonogo.probes.ollama import Ollama
from gonogo.probes.readiness import watch_start
from gonogo.probes.services import Service
from gonogo.targets.endpoints import ChatModel, Endpoint
from gonogo.targets.model import RestService
from tests.probes.test_http import KEY, Bench

Answer = Callable[[str, dict[str, Any]], tuple[int, str]]
"""From a path and a JSON body to a status and a body."""


class Scripted:
    """A server that answers as a function says; what it was sent is in `asked`."""

    def __init__(self, answer: Answer) -> None:
        asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.asked = asked

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("content-length", 0)))
                body = json.loads(raw) if raw else {}
                asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
                status, text = answer(self.path, body)
                self.send_response(status)
                self.send_header("content-length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST  # noqa: N815 (its name in the library)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name in the library)
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> "Scripted":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def endpoint(url: str) -> Endpoint:
    return Endpoint("e", "openai", url)


CHOICE = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hola"}}
WHOLE = {"id": "a", "object": "chat.completion", "created": 1, "model": "m", "choices": [CHOICE]}


ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "¿?"}], "max_tokens": 3}


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_the_openai_client_reads_a_model_that_still_thinks(name: str) -> None:
    thinking = {**CHOICE, "message": {"role": "assistant", "content": None, name: "Quiere..."}}
    with Scripted(lambda _path, _body: (200, json.dumps({**WHOLE, "choices": [thinking]}))) as server:
        with Bench(server.url) as bench:
            assert OpenAiClient(bench.http).completion(**ASKED) == "Quiere..."


def test_the_openai_client_is_recorded_and_its_key_is_ours() -> None:
    with Scripted(lambda _path, _body: (200, json.dumps(WHOLE))) as server, Bench(server.url) as bench:
        assert OpenAiClient(bench.http).completion(**ASKED) == "Hola"
        path, headers, body = server.asked[0]
        assert (path, headers["authorization"]) == ("/v1/chat/completions", f"Bearer {KEY.value}")
        assert headers["user-agent"].startswith("OpenAI/Python")
        assert body["max_tokens"] == 3
        assert KEY.value not in json.dumps(bench.seen[0].request)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (404, '{"error": {"message": "no such model"}}', "NotFoundError"),
        (200, "<html>", "the openai client"),
        (200, "[]", "the openai client"),
        (200, '{"choices": []}', "the openai client"),
    ],
)
def test_what_the_openai_client_cannot_read_is_a_fail(status: int, body: str, reason: str) -> None:
    with Scripted(lambda _path, _body: (status, body)) as server, Bench(server.url) as bench:
        with pytest.raises(EndpointFailedError, match=reason):
            OpenAiClient(bench.http).completion(**ASKED)


def test_the_openai_client_tells_errors_by_class() -> None:
    with Scripted(lambda _path, _body: (404, '{"error": {"message": "no"}}')) as server, Bench(server.url) as bench:
        assert OpenAiClient(bench.http).error_of(**ASKED) == "NotFoundError"
    with Scripted(lambda _path, _body: (200, json.dumps(WHOLE))) as server, Bench(server.url) as bench:
        assert OpenAiClient(bench.http).error_of(**ASKED) == ""


def test_a_clients_failures_keep_their_meaning() -> None:
    def spend(_requests: int, _tokens: int) -> None:
        raise BudgetExhaustedError("no more")

    with Bench("http://127.0.0.1:1", spend=spend) as bench, pytest.raises(BudgetExhaustedError):
        OpenAiClient(bench.http).completion(**ASKED)
    with Bench("http://127.0.0.1:1") as bench, pytest.raises(EndpointFailedError, match="cannot connect"):
        OllamaClient(bench.http).chat("m", "¿?", 3)


def test_the_ollama_client() -> None:
    lines = [
        {"message": {"role": "assistant", "content": "Ho"}, "done": False},
        {"message": {"role": "assistant", "content": "la"}, "done": True},
    ]

    def answer(path: str, body: dict[str, Any]) -> tuple[int, str]:
        if path == "/api/tags":
            return 200, json.dumps({"models": [{"model": "m", "name": "m"}]})
        return 200, "\n".join(map(json.dumps, lines)) if body["stream"] else json.dumps(lines[1])

    with Scripted(answer) as server, Bench(server.url) as bench:
        client = OllamaClient(bench.http)
        assert (client.models(), client.chat("m", "¿?", 3), client.streamed("m", "¿?", 3)) == (
            ["m"],
            "la",
            ("Hola", True),
        )
        assert server.asked[1][1]["user-agent"].startswith("ollama-python")


@pytest.mark.parametrize(("body", "reason"), [("nope", "not JSON"), ("[1]", "not a JSON object"), ("", "")])
def test_native_answers_that_are_none(body: str, reason: str) -> None:
    with Scripted(lambda _path, _body: (200, body)) as server, Bench(server.url) as bench:
        ollama = Ollama(endpoint(server.url), ChatModel("m"), bench.http)
        if reason:
            with pytest.raises(EndpointFailedError, match=reason):
                ollama.chat("¿?")
        else:
            assert (ollama.chat("¿?").last, ollama.chat("¿?").text) == ({}, "")


def test_native_errors_fail_unless_they_may_be_the_answer() -> None:
    with Scripted(lambda _path, _body: (400, '{"error": "no tools"}')) as server, Bench(server.url) as bench:
        ollama = Ollama(endpoint(server.url), ChatModel("m"), bench.http)
        with pytest.raises(EndpointFailedError, match="HTTP 400"):
            ollama.generate("¿?")
        assert ollama.try_chat("¿?", tools=[]).http.status == 400


def test_a_completion_that_must_work() -> None:
    with Scripted(lambda _path, _body: (503, '{"error": "busy"}')) as server, Bench(server.url) as bench:
        with pytest.raises(EndpointFailedError, match="HTTP 503"):
            bench.chat(server.url).complete("¿?")
    with Scripted(lambda _path, _body: (200, '{"error": "boom"}')) as server, Bench(server.url) as bench:
        with pytest.raises(EndpointFailedError, match="an error inside"):
            bench.chat(server.url).complete("¿?")


@pytest.mark.parametrize(
    "body", ['{"choices": "x"}', '{"choices": [7]}', '{"choices": [{"message": "x"}]}', "{}", "[]"]
)
def test_odd_completions_are_read_without_breaking(body: str) -> None:
    with Scripted(lambda _path, _body: (200, body)) as server, Bench(server.url) as bench:
        answer = bench.chat(server.url).ask("¿?")
        assert (answer.text, answer.finish_reasons, answer.usage) == ("", (), None)


def test_only_the_head_of_a_long_answer() -> None:
    with Scripted(lambda _path, _body: (200, "x" * 3_000_000)) as server, Bench(server.url, timeout_s=5) as bench:
        answer = bench.http.send("GET", "/", only_head=True)
        assert (answer.status, 0 < len(answer.body) < 3_000_000) == (200, True)


def test_vectors_in_base64() -> None:
    def answer(_path: str, body: dict[str, Any]) -> tuple[int, str]:
        coded = "AACAPwAAAEA=" if body.get("encoding_format") == "base64" else [1.0, 2.0]
        return 200, json.dumps({"data": [{"index": 0, "embedding": coded}]})

    with Scripted(answer) as server, Bench(server.url) as bench:
        embedder = Embedder(endpoint(server.url), ChatModel("m"), bench.http)
        assert embedder.embed_base64("a") == (200, (1.0, 2.0))


@pytest.mark.parametrize("coded", ["[1.0]", '"%%"', '"AAA="', "null"])
def test_what_is_no_base64_is_no_vector(coded: str) -> None:
    with Scripted(lambda _path, _body: (200, f'{{"data": [{{"embedding": {coded}}}]}}')) as server:
        with Bench(server.url) as bench:
            assert Embedder(endpoint(server.url), ChatModel("m"), bench.http).embed_base64("a") == (200, ())


def test_services() -> None:
    def answer(_path: str, body: dict[str, Any]) -> tuple[int, str]:
        return 200, json.dumps({"response": body["messages"][0]["content"]} if body else [])

    with Scripted(answer) as server:
        with Bench(server.url) as bench:
            service = Service(RestService("s", server.url), bench.http)
            assert service.call("chat", "¿Qué?").content == "¿Qué?"
            with pytest.raises(EndpointFailedError, match="without a JSON object"):
                Service(RestService("s", server.url, openapi_path="/x"), bench.http).document()
            with pytest.raises(NotDeclared):
                Service(RestService("s", server.url, routes={}), bench.http).call("chat", "x")


def test_watching_a_start() -> None:
    looks = iter([503, 500, 200, 500, 200, 200])
    with Scripted(lambda _path, _body: (next(looks), "{}")) as server, Bench(server.url) as bench:
        chat = Chat(endpoint(server.url), ChatModel("m"), Http(bench.client, server.url, None, bench.http._context, 2))
        glimpses = watch_start(chat, "/health", 20.0)
    assert [(look.ready, look.completes) for look in glimpses] == [(False, False), (True, False), (True, True)]
    with Bench("http://127.0.0.1:1") as bench:
        chat = bench.chat("http://127.0.0.1:1")
        assert {(look.ready, look.completes) for look in watch_start(chat, "/health", 0.3)} == {(False, False)}


def test_clients_at_an_address_with_a_path() -> None:
    with Scripted(lambda _path, _body: (200, json.dumps(WHOLE))) as server, Bench(f"{server.url}/openai") as bench:
        OpenAiClient(bench.http).completion(**ASKED)
        bench.http.get("/v1/models")
        assert [path for path, _, _ in server.asked] == ["/openai/v1/chat/completions", "/openai/v1/models"]


def test_a_limit_that_nobody_wanted_to_exhaust_is_waited_out() -> None:
    statuses = iter([429, 200])
    with Scripted(lambda _path, _body: (next(statuses), json.dumps(WHOLE))) as server:
        with Bench(server.url, timeout_s=5) as bench:
            assert bench.chat(server.url).ask("¿?").status == 200
    with Scripted(lambda _path, _body: (429, "{}")) as server, Bench(server.url, timeout_s=5) as bench:
        with pytest.raises(InconclusiveError, match="rate limited"):
            bench.chat(server.url).ask("¿?")
        kept = Chat(endpoint(server.url), ChatModel("m", rpm=3), bench.http)
        assert kept.ask("¿?").status == 429


def test_models_that_think_take_other_parameters() -> None:
    with Scripted(lambda _path, _body: (200, json.dumps(WHOLE))) as server, Bench(server.url) as bench:
        model = ChatModel("m", limit_field="max_completion_tokens", fixed_sampling=True, thinking_tokens=500)
        Chat(endpoint(server.url), model, bench.http).ask("¿?", max_tokens=8)
        sent = server.asked[0][2]
    assert (sent["max_completion_tokens"], "max_tokens" in sent, "temperature" in sent) == (508, False, False)


def test_tokens_of_any_answer_count() -> None:
    spent: list[int] = []
    body = json.dumps({**WHOLE, "usage": {"total_tokens": 42}})
    with Scripted(lambda _path, _body: (200, body)) as server:
        with Bench(server.url, spend=lambda _requests, tokens: spent.append(tokens)) as bench:
            OpenAiClient(bench.http).completion(**ASKED)
    assert sum(spent) == 42


def test_an_error_in_a_proxys_own_form_is_an_answer() -> None:
    with Scripted(lambda _path, _body: (502, "<html>Bad Gateway</html>")) as server, Bench(server.url) as bench:
        answer = bench.chat(server.url).ask("¿?")
    assert (answer.status, answer.text, answer.error) == (502, "", None)


def test_a_chain_leaves_room_for_the_thoughts_of_who_is_to_answer() -> None:
    first, thinker = ChatModel("first", fallbacks=("thinker", "elsewhere")), ChatModel("thinker", thinking_tokens=500)
    gateway = Endpoint("gateway", "openai", "http://127.0.0.1:1", models=(first, thinker))
    assert gateway.links_of(first) == (first, thinker)
    assert [gateway.standing_in(first, position).thinking_tokens for position in (0, 1, 2)] == [0, 500, 500]
    assert gateway.standing_in(thinker, 1) == thinker


@pytest.mark.parametrize(("statuses", "found"), [([400], []), ([429, 400], []), ([500, 429], ["HTTP 500"])])
def test_what_a_volley_has_found_stays_found(
    statuses: list[int], found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    left = list(statuses)
    refusal = json.dumps({"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": None}})

    def answer(_: str, body: dict[str, Any]) -> tuple[int, str]:
        if body.get("max_tokens") == 1 and isinstance(body.get("messages"), list) and "range" in str(body["messages"]):
            return 200, json.dumps(WHOLE)
        return (left.pop(0) if len(left) > 1 else left[0]), refusal

    with Scripted(answer) as server, Bench(server.url, timeout_s=5) as bench:
        flaws = Volley(bench.chat(server.url), "Hola range").send("range")
    assert all(any(words in flaw for flaw in flaws) for words in found)
    assert bool(flaws) == bool(found), flaws


def test_a_volley_at_who_never_has_room_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    with Scripted(lambda _path, _body: (429, "{}")) as server, Bench(server.url, timeout_s=5) as bench:
        with pytest.raises(InconclusiveError, match="answers 429"):
            Volley(bench.chat(server.url), "Hola").send("range")


def test_a_finding_outlives_a_look_that_decides_nothing() -> None:
    def looks(*found: str) -> Iterator[list[str]]:
        yield list(found)
        raise InconclusiveError("busy")

    assert flaws_of(looks("done")) == ["done"]
    with pytest.raises(InconclusiveError, match="busy"):
        flaws_of(looks())


def test_where_one_of_several_cannot_be_looked_at_the_others_are() -> None:
    looked = []

    def look(what: int) -> list[str]:
        looked.append(what)
        if what in {1, 3}:
            raise InconclusiveError(f"{what} is away")
        return ["done"] if what == 2 else []

    assert flaws_of(map(look, (1, 2, 3, 4))) == ["done"]
    assert looked == [1, 2, 3, 4]
    with pytest.raises(InconclusiveError, match="1 is away"):
        flaws_of(map(look, (1, 3)))
    assert flaws_of(map(look, (4, 5))) == []


def test_a_warning_does_not_hide_what_could_not_be_looked_at() -> None:
    suspect = Problem("f", 1, 1, "", "only the size was compared", warning=True)

    def look(what: object) -> list[Problem]:
        if what is None:
            raise InconclusiveError("the hub is away")
        return [suspect]

    assert flaws_of(map(look, [1])) == [suspect]
    with pytest.raises(InconclusiveError, match="the hub is away"):
        flaws_of(map(look, [1, None]))
