"""Is what people read clean: in the right language, and nothing of the machinery shows?"""

from gonogo.errors import NotDeclared
from gonogo.fixtures.replies import Replies
from gonogo.plugin import check, expect_flawless
from gonogo.probes.language import foreign_texts
from gonogo.rules.replies import (
    invisible_flaws,
    loop_flaws,
    markup_flaws,
    reasoning_flaws,
    template_flaws,
)
from gonogo.targets.chatbot import Chatbot


@check("output.text.language", severity="major", covers=["O2"], smoke=True)
def test_text_language(replies: Replies) -> None:
    """Every answer is in the language that it should be in."""
    # quick replies are too short to be told apart one by one
    expect_flawless(replies.ordinary.language_flaws(lambda reply: ". ".join(reply.texts), foreign_texts))


@check("output.text.markup", severity="minor", covers=["O2"])
def test_text_markup(replies: Replies, chatbot: Chatbot) -> None:
    """No answer shows markdown or HTML, where the front end shows text as it is."""
    if not chatbot.plain_text:
        raise NotDeclared("the target's front end renders markup (chatbot.plain_text: false)")
    expect_flawless(replies.ordinary.text_flaws(markup_flaws))


@check("output.text.reasoning", severity="major", covers=["O2"])
def test_text_reasoning(replies: Replies) -> None:
    """No answer shows the model's thoughts."""
    expect_flawless(replies.ordinary.text_flaws(reasoning_flaws))


@check("output.text.template", severity="major", covers=["O2"])
def test_text_template(replies: Replies) -> None:
    """No answer shows tokens of a chat template, unfilled placeholders or values of the program."""
    expect_flawless(replies.ordinary.text_flaws(template_flaws))


@check("output.text.invisible", severity="minor", covers=["O2"])
def test_text_invisible(replies: Replies) -> None:
    """No answer holds control or other invisible characters."""
    expect_flawless(replies.ordinary.text_flaws(invisible_flaws))


@check("output.text.loop", severity="minor", covers=["O2"])
def test_text_loop(replies: Replies) -> None:
    """No answer says the same three times in a row."""
    expect_flawless(replies.ordinary.text_flaws(loop_flaws))


@check("output.text.leak", severity="critical", covers=["O2"])
def test_text_leak(replies: Replies) -> None:
    """No answer to an ordinary message holds a part of the system prompt."""
    expect_flawless(replies.ordinary.leak_flaws())
