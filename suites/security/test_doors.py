"""Who gets in where? Every path that a product is known to have, asked by callers who may not come in."""

from collections.abc import Iterator, Sequence

from gonogo.errors import InconclusiveError
from gonogo.fixtures.security import Caller, Spelt, listed_ids, open_doors
from gonogo.plugin import check, expect_flawless, flaws_of
from gonogo.probes.http import Http
from gonogo.rules.doors import Door, says_nothing

_CHAT = "/v1/chat/completions"


@check("security.doors.guarded", severity="critical", covers=["S1"])
def test_doors_guarded(doors: Sequence[Door], callers: Sequence[Caller]) -> None:
    """No path of the product can be used without a key, or with a wrong, malformed or expired one."""
    expect_flawless(open_doors(doors, callers))


@check("security.doors.documented", severity="critical", covers=["S1"])
def test_doors_documented(documented: tuple[Sequence[Door], Sequence[Caller]]) -> None:
    """Nothing that the endpoint's own OpenAPI document lists can be read without a key."""
    expect_flawless(open_doors(*documented, strict=False))


@check("security.doors.respelt", severity="critical", covers=["S1", "S4"])
def test_doors_respelt(respelt: Sequence[Spelt], model_ids: Sequence[str]) -> None:
    """No other spelling of the model list's path, and no header of proxies, opens it without a key."""
    opened = [one.how for one in respelt if one.answer.status < 300 and set(model_ids) <= set(listed_ids(one.answer))]
    expect_flawless([f"{how}: the models, without a key" for how in opened])
    dumb = [f"{one.how}: HTTP {one.answer.status}" for one in respelt if says_nothing(one.answer.status)]
    if dumb:
        raise InconclusiveError(f"says nothing of the key: {', '.join(dumb)}")


@check("security.doors.key_in_url", severity="major", covers=["S1"])
def test_doors_key_in_url(url_callers: Sequence[Caller]) -> None:
    """A valid key in the URL is refused: URLs end in the logs of everything on the way."""
    expect_flawless(open_doors([Door("/v1/models")], url_callers))


@check("security.doors.closed", severity="critical", covers=["S4"])
def test_doors_closed(gateway_doors: Sequence[Door], ordinary_caller: Caller) -> None:
    """An ordinary key does not open what is for administrators, or debugging."""
    expect_flawless(open_doors([door for door in gateway_doors if door.is_closed], [ordinary_caller]))


@check("security.tenants.apart", severity="critical", covers=["S1"])
def test_tenants_apart(tenant_http: tuple[Http, Sequence[str]]) -> None:
    """A caller cannot use, or see, models that are somebody else's."""
    http, may_not = tenant_http
    dumb = list[str]()

    def looks() -> Iterator[list[str]]:
        for model in may_not:
            body = {"model": model, "messages": [{"role": "user", "content": "Hola"}], "max_tokens": 1}
            status = http.post(_CHAT, body).status
            dumb.extend([f"{model}: HTTP {status}"] if status >= 300 and status not in {401, 403, 404} else [])
            yield [f"{model}: HTTP {status} for a caller who may not use it"] if status < 300 else []
        listed = http.patient().get("/v1/models").json().get("data", ())
        seen = {str(item.get("id")) for item in listed if isinstance(item, dict)}
        yield [f"{model} is on the model list of a caller who may not use it" for model in may_not if model in seen]

    flaws = flaws_of(looks())
    if not flaws and dumb:
        raise InconclusiveError(f"neither answered nor refused: {', '.join(dumb)}")
    expect_flawless(flaws)
