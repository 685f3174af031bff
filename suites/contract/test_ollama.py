"""Is Ollama's native API what its clients rely on?"""

from gonogo import resources
from gonogo.documents import violations
from gonogo.errors import EndpointFailedError, Unsupported
from gonogo.plugin import check, expect_flawless, expect_kept
from gonogo.probes.chat import Chat
from gonogo.probes.ollama import Ollama
from gonogo.rules.completions import is_cut_off, is_listed
from gonogo.rules.embeddings import cosine
from gonogo.rules.ollama import duration_flaws, stream_flaws
from gonogo.rules.reading import mapping, objects
from gonogo.rules.refusals import form_flaws
from gonogo.rules.structured import improbable_schema, json_flaws
from gonogo.rules.tool_calls import forecast_tool, native_call_flaws

ROOM = 300


@check("contract.ollama.tags", severity="major", covers=["C10", "C2"])
def test_ollama_tags(ollama: Ollama) -> None:
    """The local models are listed in the API's form, the declared one among them."""
    tags = ollama.http.get("/api/tags").json()
    names = [model.get("name") for model in objects(mapping(tags).get("models"))]
    missing = [] if is_listed(ollama.model.name, names) else [f"{ollama.model.name} is not among {names}"]
    expect_flawless([*violations(tags, resources.schema("ollama-tags")), *missing])


@check("contract.ollama.show", severity="minor", covers=["C10"])
def test_ollama_show(ollama: Ollama) -> None:
    """A model can be looked at, and can complete."""
    capabilities = mapping(ollama.http.post("/api/show", {"model": ollama.model.name}).json()).get("capabilities")
    assert "completion" in (capabilities or ()), f"its capabilities are {capabilities}"


@check("contract.ollama.generate", severity="critical", covers=["C10"])
def test_ollama_generate(ollama: Ollama, prompt: str) -> None:
    """/api/generate answers in the API's form: done, why, and how long it took."""
    answer = ollama.generate(prompt)
    expect_flawless(violations(answer.last, resources.schema("ollama-generate")))


@check("contract.ollama.chat", severity="critical", covers=["C10"])
def test_ollama_chat(ollama: Ollama, prompt: str) -> None:
    """/api/chat answers in the API's form: a message, done, why, and how long it took."""
    answer = ollama.chat(prompt)
    expect_flawless(violations(answer.last, resources.schema("ollama-chat")))


@check("contract.ollama.durations", severity="minor", covers=["C10"])
def test_ollama_durations(ollama: Ollama, prompt: str) -> None:
    """The durations of an answer add up, and are not longer than the answer took."""
    answer = ollama.generate(prompt)
    expect_flawless(duration_flaws(answer.last, answer.http.duration_ms))


@check("contract.ollama.limit", severity="major", covers=["C10", "C8"])
def test_ollama_limit(ollama: Ollama, prompt: str) -> None:
    """An answer that reaches num_predict ends there, and says so."""
    last = ollama.generate(prompt, options={"num_predict": 3}).last
    generated = last.get("eval_count")
    if isinstance(generated, int) and generated < 3:
        raise Unsupported(f"{ollama.model.name} ended before the limit, after {generated} tokens")
    assert (generated, last.get("done_reason")) == (3, "length")


@check("contract.ollama.generate_stream", severity="critical", covers=["C10"])
def test_ollama_generate_stream(ollama: Ollama, prompt: str) -> None:
    """/api/generate streams lines of JSON; only the last one says done, and tells the figures."""
    answer = ollama.generate(prompt, stream=True)
    schemas = [resources.schema(name) for name in ("ollama-generate-line", "ollama-generate")]
    expect_flawless(stream_flaws(answer.http.headers.get("content-type", ""), answer.lines, *schemas))


@check("contract.ollama.chat_stream", severity="critical", covers=["C10"])
def test_ollama_chat_stream(ollama: Ollama, prompt: str) -> None:
    """/api/chat streams lines of JSON; only the last one says done, and tells the figures."""
    answer = ollama.chat(prompt, stream=True)
    schemas = [resources.schema(name) for name in ("ollama-chat-line", "ollama-chat")]
    expect_flawless(stream_flaws(answer.http.headers.get("content-type", ""), answer.lines, *schemas))


@check("contract.ollama.stream_equals_whole", severity="critical", covers=["C10"])
def test_ollama_stream_equals_whole(exact_ollama: Ollama, prompt: str) -> None:
    """The streamed text is the unstreamed text, where the model is deterministic."""
    whole, streamed = exact_ollama.chat(prompt).text, exact_ollama.chat(prompt, stream=True).text
    assert streamed == whole, f"streamed {streamed!r}, whole {whole!r}"


@check("contract.ollama.compatible_equals_native", severity="major", covers=["C10"])
def test_ollama_compatible_equals_native(exact_ollama: Ollama, prompt: str) -> None:
    """The OpenAI-compatible API says the same as the native one, where the model is deterministic."""
    compatible = Chat(exact_ollama.endpoint, exact_ollama.model, exact_ollama.http).complete(prompt, max_tokens=12).text
    native = exact_ollama.chat(prompt).text
    assert compatible == native, f"compatible {compatible!r}, native {native!r}"


@check("contract.ollama.format", severity="critical", covers=["C10", "C6"])
def test_ollama_format(ollama: Ollama, nonce: str) -> None:
    """A JSON Schema given as `format` is enforced."""
    schema = improbable_schema("nested", nonce)
    answer = ollama.try_chat("Describe un coche.", format=schema, options={"num_predict": ROOM})
    if is_cut_off(answer.text, answer.last.get("done_reason")):
        raise Unsupported(f"the answer was cut off at {ROOM} tokens: nothing can be told")
    expect_kept("json_schema", ollama.model, answer.http.status, json_flaws(answer.text, schema))


@check("contract.ollama.tools", severity="major", covers=["C10", "C5"])
def test_ollama_tools(ollama: Ollama, nonce: str) -> None:
    """A tool is called with an object of arguments, where tools are promised; else refused."""
    tool = forecast_tool(nonce)
    answer = ollama.try_chat(f"¿Qué tiempo hará en {nonce}?", tools=[tool], options={"num_predict": ROOM})
    called = [mapping(call.get("function")) for call in answer.tool_calls]
    flaws = [] if called else ["no tool call"]
    flaws += [flaw for function in called for flaw in native_call_flaws(function, tool)]
    expect_kept("tools", ollama.model, answer.http.status, flaws)


@check("contract.ollama.unknown_model", severity="major", covers=["C10", "C7"])
def test_ollama_unknown_model(ollama: Ollama, prompt: str) -> None:
    """A model that does not exist is refused with 404 and an error text, by every native call."""
    schema, flaws = resources.schema("text-error"), []
    calls: dict[str, dict[str, object]] = {
        "/api/generate": {"prompt": prompt},
        "/api/chat": {"messages": []},
        "/api/embed": {"input": prompt},
        "/api/show": {},
    }
    for path, body in calls.items():
        answer = ollama.http.post(path, {"model": "gonogo-no-such-model", **body})
        flaws += [f"{path}: HTTP {answer.status}, wanted 404"] if answer.status != 404 else []
        flaws += [f"{path}: {flaw}" for flaw in form_flaws(answer.text, schema)]
    expect_flawless(flaws)


@check("contract.ollama.malformed", severity="major", covers=["C10", "C7"])
def test_ollama_malformed(ollama: Ollama) -> None:
    """Bodies that are no JSON, or of the wrong types, are refused with 400 and an error text."""
    schema, flaws = resources.schema("text-error"), []
    for path in ("/api/generate", "/api/chat", "/api/embed"):
        for body in (b"", b"hola", b"[]", b'{"model": 7}'):
            answer = ollama.http.send("POST", path, body)
            flaws += [f"{path} {body!r}: HTTP {answer.status}, wanted 400"] if answer.status != 400 else []
            flaws += [f"{path} {body!r}: {flaw}" for flaw in form_flaws(answer.text, schema)]
    expect_flawless(flaws)


@check("contract.ollama.embed", severity="critical", covers=["C10", "C9"])
def test_ollama_embed(ollama_embedder: Ollama) -> None:
    """/api/embed and the older /api/embeddings give a text the same direction, a batch in its order."""
    texts, model, http = ["garantía de un coche", "receta de gazpacho"], ollama_embedder.model, ollama_embedder.http
    batch = http.post("/api/embed", {"model": model.name, "input": texts}).json()
    older = [http.post("/api/embeddings", {"model": model.name, "prompt": text}).json() for text in texts]
    flaws = violations(batch, resources.schema("ollama-embed"))
    flaws += [flaw for body in older for flaw in violations(body, resources.schema("ollama-embeddings"))]
    if flaws:
        raise EndpointFailedError("; ".join(flaws))
    vectors = batch["embeddings"]
    assert len(vectors) == len(texts), f"{len(texts)} texts got {len(vectors)} vectors"
    alike = [cosine(tuple(vector), tuple(body["embedding"])) for vector, body in zip(vectors, older, strict=True)]
    assert all(value >= 1 - model.tolerance for value in alike), f"cosine of /api/embed and /api/embeddings: {alike}"
