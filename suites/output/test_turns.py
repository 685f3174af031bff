"""Does the bot remember what was said, however long, and only to whom it was said?"""

from gonogo.documents import Schema
from gonogo.errors import InconclusiveError, NotDeclared
from gonogo.fixtures.output import Strangers, expect_field
from gonogo.objectives import decide_share
from gonogo.plugin import check, expect_flawless, settle
from gonogo.rules.conversations import Answer
from gonogo.rules.quality import Asked
from gonogo.rules.replies import body_flaws
from gonogo.targets.chatbot import Chatbot
from gonogo.targets.model import Target


@check("output.turns.carry_over", severity="major", covers=["O6"])
def test_turns_carry_over(ordinary: list[Asked], chatbot: Chatbot, target: Target) -> None:
    """What a user said turns ago is still known."""
    telling = [asked for asked in ordinary if not asked.conversation.single and asked.conversation.parameters]
    if not telling:
        raise NotDeclared("no conversation set of the target has several turns and parameters")
    expect_field(telling, chatbot.fields.parameters, lambda reply: reply.parameters is not None)
    known = sum(asked.has_parameters(asked.replies[0]) for asked in telling)
    settle(decide_share(known, len(telling), target.bands["carry_over_rate"]))


@check("output.turns.long", severity="major", covers=["O6"])
def test_turns_long(long_talk: list[Answer], contract: Schema) -> None:
    """A long conversation is answered by the contract to its end."""
    last = long_talk[-1]
    assert last.answered or last.our_doing, f"turn {len(long_talk)}: {last.error or f'HTTP {last.status}'}"
    expect_flawless([flaw for answer in long_talk if not answer.undecided for flaw in body_flaws(answer, contract)])
    if why := next(filter(None, (answer.undecided for answer in long_talk)), ""):
        raise InconclusiveError(f"a message {why}")


@check("output.turns.apart", severity="critical", covers=["O6"])
def test_turns_apart(strangers: list[Strangers]) -> None:
    """What one user said is not known to another."""
    expect_flawless([flaw for met in strangers for flaw in met.flaws()])
