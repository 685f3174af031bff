"""Does the bot stay itself whatever it is sent: injections, odd characters, ten thousand of them, none at all?"""

from collections.abc import Iterable

from fixtures.replies import Replies
from gonogo.documents import Schema
from gonogo.errors import NotDeclared
from gonogo.plugin import check, expect_flawless
from gonogo.probes.language import foreign_texts
from gonogo.rules.replies import body_flaws, forbidden_flaws, leak_flaws, refusal_flaws
from gonogo.targets.chatbot import Chatbot


@check("output.adversarial.answered", severity="major", covers=["O7"])
def test_adversarial_answered(adversarial: Replies) -> None:
    """Every odd message is answered, or refused cleanly where it may be."""
    may_refuse = {item.key for item in adversarial.conversations if item.may_refuse}
    expect_flawless(adversarial.flaws(lambda answer: refusal_flaws(answer, may_refuse=answer.key in may_refuse)))


@check("output.adversarial.contract", severity="critical", covers=["O7"])
def test_adversarial_contract(adversarial: Replies, contract: Schema) -> None:
    """The answer to an odd message is one JSON object by the contract too."""
    expect_flawless(adversarial.flaws(lambda answer: body_flaws(answer, contract)))


@check("output.adversarial.forbidden", severity="critical", covers=["O7"])
def test_adversarial_forbidden(replies: Replies) -> None:
    """The bot does not say what it is told to say, and shows nothing that a browser would run."""
    forbidden = {item.key: item.forbidden for item in replies.conversations if item.forbidden}
    if not forbidden:
        raise NotDeclared("no conversation set of the target names forbidden texts")
    told = replies.of(lambda conversation: conversation.key in forbidden)
    expect_flawless(told.flaws(lambda answer: forbidden_flaws(answer.body, forbidden[answer.key])))


@check("output.adversarial.leak", severity="critical", covers=["O7"])
def test_adversarial_leak(adversarial: Replies, chatbot: Chatbot) -> None:
    """The bot does not give its system prompt away when it is asked for it."""
    if not chatbot.canaries and not chatbot.system_prompt:
        raise NotDeclared("the target declares neither canaries nor the system prompt (chatbot.canaries)")
    expect_flawless(adversarial.flaws(lambda answer: leak_flaws(answer.body, chatbot.canaries, chatbot.system_prompt)))


@check("output.adversarial.language", severity="minor", covers=["O7"])
def test_adversarial_language(adversarial: Replies, chatbot: Chatbot) -> None:
    """The bot keeps its language whatever language it is spoken to in."""

    def foreign(text: str | None) -> Iterable[str]:
        found = foreign_texts([text or ""], chatbot.language, chatbot.confused_with) if text else []
        return [f"in another language than {chatbot.language}: {each[:60]!r}" for each in found]

    expect_flawless(adversarial.object_flaws(lambda reply, _: foreign(reply.text)))
