"""Does the model list say what can be used?"""

import uuid

from gonogo import resources
from gonogo.documents import violations
from gonogo.errors import NotDeclared
from gonogo.plugin import check, expect_flawless
from gonogo.probes.chat import Chat, listed_models
from gonogo.probes.http import Http
from gonogo.rules.completions import is_listed
from gonogo.rules.reading import mapping, objects
from gonogo.targets.endpoints import ChatModel, Endpoint


@check("contract.models.listed", severity="major", covers=["C2"], smoke=True)
def test_models_listed(endpoint: tuple[Endpoint, Http]) -> None:
    """The model list holds every model that the target declares."""
    declared, http = endpoint
    if not declared.models:
        raise NotDeclared(f"the target declares no model of {declared.name}")
    listed = listed_models(http)
    expect_flawless([f"{m.name} is not among {listed}" for m in declared.models if not is_listed(m.name, listed)])


@check("contract.models.shape", severity="minor", covers=["C2"])
def test_models_shape(endpoint: tuple[Endpoint, Http]) -> None:
    """The model list has the fields and types of the API, and each model once."""
    listed = endpoint[1].patient().get("/v1/models").json()
    names = [item.get("id") for item in objects(mapping(listed).get("data"))]
    twice = sorted({f"{name!r} is listed twice" for name in names if names.count(name) > 1})
    expect_flawless([*violations(listed, resources.schema("model-list")), *twice])


@check("contract.models.usable", severity="critical", covers=["C2"])
def test_models_usable(endpoint: tuple[Endpoint, Http]) -> None:
    """Every listed model really answers: all where the list holds what is loaded, the declared ones of a catalogue."""
    declared, http = endpoint
    models = {name: _declared_or_new(declared, name) for name in listed_models(http)}
    if not declared.lists_loaded:
        models = {name: model for name, model in models.items() if model in declared.models}
    asked = {name: model for name, model in models.items() if model.rpm is None}
    dead = [name for name, model in asked.items() if not _answers(declared, model, http)]
    expect_flawless([f"{name} is listed, and answers neither a completion nor an embedding" for name in dead])


def _declared_or_new(endpoint: Endpoint, listed: str) -> ChatModel:
    declared = [model for model in endpoint.models if is_listed(model.name, [listed])]
    return declared[0] if declared else ChatModel(listed)


def _answers(endpoint: Endpoint, model: ChatModel, http: Http) -> bool:
    text = f"Hola [{uuid.uuid4()}]"
    if model.kind == "chat" and Chat(endpoint, model, http).ask(text, max_tokens=1).status == 200:
        return True
    return http.patient().post("/v1/embeddings", {"model": model.name, "input": text}).status == 200
