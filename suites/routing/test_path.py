"""Does a message find its way from outside to a model, and does the chatbot help itself when none answers?"""

from gonogo.errors import NotDeclared
from gonogo.faults.failures import FAILURES
from gonogo.fixtures.routing import ChatPath, fresh_prompt
from gonogo.plugin import check, expect_flawless
from gonogo.probes.browser import visit
from gonogo.probes.context import ProbeContext
from gonogo.probes.http import Http
from gonogo.targets.chatbot import Chatbot
from gonogo.targets.model import Target


@check("routing.path.health", severity="critical", covers=["R12"], smoke=True)
def test_path_health(chatbot: Chatbot, chatbot_http: Http) -> None:
    """The chatbot's health page answers 200."""
    assert chatbot_http.get(chatbot.health_path).status == 200


@check("routing.path.message", severity="critical", covers=["R12"], smoke=True, exclusive=True)
def test_path_message(chat_path: ChatPath) -> None:
    """A message to the chatbot goes through the gateway to a model's provider, and is answered."""
    before = chat_path.arrived()
    answer = chat_path.ask(fresh_prompt("Hola, ¿qué coches tienen?"))
    assert answer.status == 200, f"HTTP {answer.status}: {answer.text[:200]}"
    assert chat_path.reply(answer).fallback is not True, "the chatbot fell back to its own answer"
    assert chat_path.arrived() > before, "no provider of the chatbot's model was asked"


@check("routing.path.web_page", severity="critical", covers=["R12"])
def test_path_web_page(target: Target, context: ProbeContext) -> None:
    """Whoever types a message into the web page gets an answer there, and no script or request of the page fails."""
    if target.web is None:
        raise NotDeclared("the target declares no web page (web)")
    seen = visit(target.web, fresh_prompt("Hola, busco un coche"), context)
    expect_flawless([*seen.errors, *([] if seen.answer else ["the page shows no answer"])])


@check("routing.quota.mocked", severity="critical", covers=["R10"], permission="disruptive")
def test_quota_mocked(chat_path: ChatPath) -> None:
    """When every provider's quota is used up, the chatbot answers by itself, and marks the answer as a fallback."""
    with chat_path.broken(FAILURES["429-retry-after"]):
        answer = chat_path.ask(fresh_prompt("Hola, ¿qué coches tienen?"))
    assert answer.status == 200, f"HTTP {answer.status}: {answer.text[:200]}"
    marked = chat_path.reply(answer).fallback
    assert marked is True, f"isFallback is {marked!r} in an answer that no model gave"
