"""Is every answer what the front end can read: one JSON object by the contract, in UTF-8, said to be JSON?"""

from gonogo.documents import Schema
from gonogo.fixtures.replies import Replies
from gonogo.plugin import check, expect_flawless
from gonogo.rules.replies import (
    Consistency,
    content_type_flaws,
    duplicate_flaws,
    encoding_flaws,
    quick_reply_flaws,
    read_body,
)


@check("output.reply.answered", severity="critical", covers=["O1"], smoke=True)
def test_reply_answered(replies: Replies) -> None:
    """Every message is answered with HTTP 200, or refused cleanly where it may be."""
    expect_flawless(replies.ordinary.refusals())


@check("output.reply.json", severity="critical", covers=["O1"], smoke=True)
def test_reply_json(replies: Replies) -> None:
    """Every answer's body is exactly one JSON object, with nothing around it."""
    expect_flawless(replies.ordinary.flaws(lambda answer: read_body(answer.body).flaws))


@check("output.reply.contract", severity="critical", covers=["O1"], smoke=True)
def test_reply_contract(replies: Replies, contract: Schema) -> None:
    """Every answer satisfies the chatbot's contract: fields, types, enums, bounds."""
    expect_flawless(replies.ordinary.object_flaws(contract.violations))


@check("output.reply.keys_once", severity="major", covers=["O1"])
def test_reply_keys_once(replies: Replies) -> None:
    """No object in an answer has a key twice: readers differ in which one they take."""
    expect_flawless(replies.flaws(lambda answer: duplicate_flaws(answer.body)))


@check("output.reply.content_type", severity="minor", covers=["O1"])
def test_reply_content_type(replies: Replies) -> None:
    """Every answer says that it is JSON."""
    expect_flawless(replies.flaws(content_type_flaws))


@check("output.reply.encoding", severity="major", covers=["O1"])
def test_reply_encoding(replies: Replies) -> None:
    """Every answer is UTF-8, and was decoded rightly on its way."""
    expect_flawless(replies.flaws(encoding_flaws))


@check("output.fields.consistent", severity="major", covers=["O3"])
def test_fields_consistent(replies: Replies, consistency: Consistency) -> None:
    """The fields of every answer agree: isFallback with intent and confidence, and the target's own rules."""
    expect_flawless(replies.object_flaws(consistency.flaws))


@check("output.fields.quick_replies", severity="minor", covers=["O1"])
def test_fields_quick_replies(replies: Replies) -> None:
    """Quick replies differ from each other and from the answer, and none is blank."""
    expect_flawless(replies.reply_flaws(quick_reply_flaws))
