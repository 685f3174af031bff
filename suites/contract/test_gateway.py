"""Does the gateway pass on what the provider says?"""

from gonogo.errors import NotDeclared
from gonogo.plugin import check, expect_flawless
from gonogo.probes.chat import Chat

LIMIT = 12


@check("contract.gateway.same_text", severity="critical", covers=["C3", "C4"])
def test_gateway_same_text(routed: tuple[Chat, Chat], prompt: str) -> None:
    """A completion through the gateway is the provider's own, where the model is deterministic."""
    through, direct = routed
    if not (through.model.deterministic and direct.model.deterministic):
        raise NotDeclared(f"{through.model.name} is not declared deterministic at the gateway and its provider")
    texts = [chat.complete(prompt, max_tokens=LIMIT).text for chat in routed]
    assert texts[0] == texts[1], f"through the gateway {texts[0]!r}, direct {texts[1]!r}"


@check("contract.gateway.same_figures", severity="major", covers=["C3", "C4"])
def test_gateway_same_figures(routed: tuple[Chat, Chat], prompt: str) -> None:
    """Through the gateway a prompt costs the tokens that it costs at the provider."""
    usages = [chat.complete(prompt, max_tokens=1).usage or {} for chat in routed]
    tokens = [usage.get("prompt_tokens") for usage in usages]
    expect_flawless(
        []
        if None not in tokens and tokens[0] == tokens[1]
        else [f"prompt tokens: {tokens[0]} through the gateway, {tokens[1]} direct"]
    )
