"""Does the chatbot answer what its front end expects, in the right language and with confidence?"""

from typing import Any

from gonogo.objectives import decide_mean, decide_share
from gonogo.plugin import check, settle
from gonogo.probes.chatbot import Reply
from gonogo.probes.language import foreign_texts
from gonogo.targets.model import Chatbot, Target


@check("output.reply.contract", severity="critical", covers=["O1"], smoke=True)
def test_reply_contract(replies: list[Reply], reply_schema: dict[str, Any]) -> None:
    """Every reply is one JSON object that satisfies the chatbot's contract."""
    assert [f"{reply.prompt.text!r}: {flaw}" for reply in replies for flaw in reply.flaws(reply_schema)] == []


@check("output.reply.language", severity="major", covers=["O2"], smoke=True)
def test_reply_language(reply_values: list[dict[str, Any]], chatbot: Chatbot) -> None:
    """Every reply is in the configured language."""
    texts = [str(value.get("response")) for value in reply_values]
    assert foreign_texts(texts, chatbot.language, chatbot.confused_with) == []


@check("output.fallback.in_scope_rate", severity="major", covers=["O3"], smoke=True)
def test_fallback_in_scope_rate(replies: list[Reply], target: Target) -> None:
    """Prompts in scope rarely fall back."""
    in_scope = [reply for reply in replies if reply.prompt.in_scope]
    fallbacks = sum(bool((reply.value or {}).get("isFallback", True)) for reply in in_scope)
    settle(decide_share(fallbacks, len(in_scope), target.bands["fallback_rate"]))


@check("output.fallback.out_of_scope", severity="minor", covers=["O3"], smoke=True)
def test_fallback_out_of_scope(replies: list[Reply]) -> None:
    """Prompts out of scope fall back."""
    out_of_scope = [reply for reply in replies if not reply.prompt.in_scope]
    assert [r.prompt.text for r in out_of_scope if (r.value or {}).get("isFallback") is not True] == []


@check("output.confidence.mean", severity="major", covers=["O4"], smoke=True)
def test_confidence_mean(replies: list[Reply], target: Target) -> None:
    """The mean confidence of replies in scope is high enough."""
    values = [float((reply.value or {}).get("confidence", 0)) for reply in replies if reply.prompt.in_scope]
    settle(decide_mean(values, target.bands["mean_confidence"]))
