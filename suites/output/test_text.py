"""Is what people read clean: in the right language, and nothing of the machinery shows?"""

from collections.abc import Callable, Iterable

from fixtures.replies import Replies
from gonogo.errors import NotDeclared
from gonogo.plugin import check, expect_flawless
from gonogo.probes.language import foreign_texts
from gonogo.rules.replies import (
    invisible_flaws,
    leak_flaws,
    loop_flaws,
    markup_flaws,
    reasoning_flaws,
    template_flaws,
)
from gonogo.targets.chatbot import Chatbot


def _text_flaws(replies: Replies, rule: Callable[[list[str]], Iterable[str]]) -> list[str]:
    return replies.object_flaws(lambda reply, _: rule(reply.texts))


@check("output.text.language", severity="major", covers=["O2"], smoke=True)
def test_text_language(replies: Replies, chatbot: Chatbot) -> None:
    """Every answer is in the configured language."""
    ordinary = replies.of(lambda conversation: not conversation.adversarial)
    expect_flawless(_text_flaws(ordinary, lambda texts: _foreign(texts, chatbot)))


def _foreign(texts: list[str], chatbot: Chatbot) -> list[str]:
    """Quick replies are too short to be told apart one by one: the answer is looked at, and they together."""
    whole = [text for text in (*texts[:1], ". ".join(texts[1:])) if text]
    return [
        f"in another language than {chatbot.language}: {text[:60]!r}"
        for text in foreign_texts(whole, chatbot.language, chatbot.confused_with)
    ]


@check("output.text.markup", severity="minor", covers=["O2"])
def test_text_markup(replies: Replies, chatbot: Chatbot) -> None:
    """No answer shows markdown or HTML, where the front end shows text as it is."""
    if not chatbot.plain_text:
        raise NotDeclared("the target's front end renders markup (chatbot.plain_text: false)")
    expect_flawless(_text_flaws(replies, markup_flaws))


@check("output.text.reasoning", severity="major", covers=["O2"])
def test_text_reasoning(replies: Replies) -> None:
    """No answer shows the model's thoughts."""
    expect_flawless(_text_flaws(replies, reasoning_flaws))


@check("output.text.template", severity="major", covers=["O2"])
def test_text_template(replies: Replies) -> None:
    """No answer shows tokens of a chat template, unfilled placeholders or values of the program."""
    expect_flawless(_text_flaws(replies, template_flaws))


@check("output.text.invisible", severity="minor", covers=["O2"])
def test_text_invisible(replies: Replies) -> None:
    """No answer holds control or other invisible characters."""
    expect_flawless(_text_flaws(replies, invisible_flaws))


@check("output.text.loop", severity="minor", covers=["O2"])
def test_text_loop(replies: Replies) -> None:
    """No answer says the same three times in a row."""
    expect_flawless(_text_flaws(replies, loop_flaws))


@check("output.text.leak", severity="critical", covers=["O2"])
def test_text_leak(replies: Replies, chatbot: Chatbot) -> None:
    """No answer to an ordinary message holds a part of the system prompt."""
    if not chatbot.canaries and not chatbot.system_prompt:
        raise NotDeclared("the target declares neither canaries nor the system prompt (chatbot.canaries)")
    ordinary = replies.of(lambda conversation: not conversation.adversarial)
    expect_flawless(ordinary.flaws(lambda answer: leak_flaws(answer.body, chatbot.canaries, chatbot.system_prompt)))
