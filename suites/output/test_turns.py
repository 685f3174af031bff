"""Does the bot remember what was said, however long, and only to whom it was said?"""

from fixtures.replies import Replies
from gonogo.documents import Schema
from gonogo.errors import NotDeclared
from gonogo.objectives import decide_share
from gonogo.plugin import check, expect_flawless, settle
from gonogo.rules.conversations import Answer, Conversation
from gonogo.rules.replies import body_flaws, missing_parameters, read_body, read_reply
from gonogo.targets.chatbot import Chatbot
from gonogo.targets.model import Target


@check("output.turns.carry_over", severity="major", covers=["O6"])
def test_turns_carry_over(replies: Replies, target: Target) -> None:
    """What a user said turns ago is still known."""
    telling = replies.of(lambda conversation: len(conversation.turns) > 1 and bool(conversation.parameters))
    if not telling.conversations:
        raise NotDeclared("no conversation set of the target has several turns and parameters")
    asked = telling.asked()
    known = sum(not missing_parameters(item.replies[0], item.conversation.parameters) for item in asked)
    settle(decide_share(known, len(asked), target.bands["carry_over_rate"]))


@check("output.turns.long", severity="major", covers=["O6"])
def test_turns_long(long_talk: list[Answer], contract: Schema) -> None:
    """A long conversation is answered by the contract to its end."""
    last = long_talk[-1]
    assert last.answered, f"turn {len(long_talk)}: {last.error or f'HTTP {last.status}'}"
    expect_flawless([flaw for answer in long_talk for flaw in body_flaws(answer, contract)])


@check("output.turns.apart", severity="critical", covers=["O6"])
def test_turns_apart(stranger: tuple[Conversation, Answer], chatbot: Chatbot) -> None:
    """What one user said is not known to another."""
    told, answer = stranger
    reply = read_reply(read_body(answer.body).value, chatbot.fields)
    missing = missing_parameters(reply, told.parameters)
    known = len(told.parameters) - len(missing)
    assert known == 0, f"{dict(told.parameters)} was told in another conversation, and is known in this one"
