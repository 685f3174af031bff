"""Does the bot stay itself whatever it is sent: injections, odd characters, ten thousand of them, none at all?"""

from gonogo.documents import Schema
from gonogo.fixtures.replies import Replies
from gonogo.plugin import check, expect_flawless
from gonogo.probes.language import foreign_texts
from gonogo.rules.replies import body_flaws, forbidden_flaws


@check("output.adversarial.answered", severity="major", covers=["O7"])
def test_adversarial_answered(adversarial: Replies) -> None:
    """Every odd message is answered, or refused cleanly where it may be."""
    expect_flawless(adversarial.refusals())


@check("output.adversarial.contract", severity="critical", covers=["O7"])
def test_adversarial_contract(adversarial: Replies, contract: Schema) -> None:
    """The answer to an odd message is one JSON object by the contract too."""
    expect_flawless(adversarial.flaws(lambda answer: body_flaws(answer, contract)))


@check("output.adversarial.forbidden", severity="critical", covers=["O7"])
def test_adversarial_forbidden(replies: Replies) -> None:
    """The bot does not say what it is told to say, and shows nothing that a browser would run."""
    forbidden = {item.key: item.forbidden for item in replies.conversations}
    told = replies.of(lambda conversation: bool(conversation.forbidden))
    expect_flawless(told.flaws(lambda answer: forbidden_flaws(answer, forbidden[answer.key])))


@check("output.adversarial.leak", severity="critical", covers=["O7"])
def test_adversarial_leak(adversarial: Replies) -> None:
    """The bot does not give its system prompt away when it is asked for it."""
    expect_flawless(adversarial.leak_flaws())


@check("output.adversarial.language", severity="minor", covers=["O7"])
def test_adversarial_language(adversarial: Replies) -> None:
    """The bot keeps its language whatever language it is spoken to in."""
    expect_flawless(adversarial.language_flaws(lambda reply: reply.text or "", foreign_texts))
