"""Does the bot answer what it should, send away what it should not, and know how sure it is?"""

from gonogo.errors import InconclusiveError, NotDeclared
from gonogo.fixtures.output import expect_field
from gonogo.objectives import MINIMUM_FOR_MEAN, decide_mean, decide_share
from gonogo.plugin import check, settle
from gonogo.rules.quality import Asked
from gonogo.targets.chatbot import Chatbot
from gonogo.targets.model import Target


@check("output.fallback.in_scope_rate", severity="major", covers=["O3"], smoke=True)
def test_fallback_in_scope_rate(in_scope: list[Asked], chatbot: Chatbot, target: Target) -> None:
    """Prompts in scope rarely fall back."""
    expect_field(in_scope, chatbot.fields.fallback, lambda reply: reply.fallback is not None)
    answered = sum(asked.mostly(lambda reply: reply.fallback is False, chatbot.asking) for asked in in_scope)
    settle(decide_share(len(in_scope) - answered, len(in_scope), target.bands["fallback_rate"]))


@check("output.fallback.out_of_scope", severity="minor", covers=["O3"])
def test_fallback_out_of_scope(out_of_scope: list[Asked], chatbot: Chatbot, target: Target) -> None:
    """Prompts out of scope fall back."""
    expect_field(out_of_scope, chatbot.fields.fallback, lambda reply: reply.fallback is not None)
    sent_away = sum(asked.mostly(lambda reply: reply.fallback is True, chatbot.asking) for asked in out_of_scope)
    settle(decide_share(len(out_of_scope) - sent_away, len(out_of_scope), target.bands["missed_fallback_rate"]))


@check("output.confidence.mean", severity="major", covers=["O4"], smoke=True)
def test_confidence_mean(in_scope: list[Asked], chatbot: Chatbot, target: Target) -> None:
    """The mean confidence of answers in scope is high enough."""
    expect_field(in_scope, chatbot.fields.confidence, lambda reply: reply.confidence is not None)
    settle(decide_mean([value for asked in in_scope for value in asked.confidence], target.bands["mean_confidence"]))


@check("output.confidence.varies", severity="minor", covers=["O4"])
def test_confidence_varies(ordinary: list[Asked], chatbot: Chatbot) -> None:
    """The confidence is not the same whatever is asked: such a figure says nothing."""
    expect_field(ordinary, chatbot.fields.confidence, lambda reply: reply.confidence is not None)
    if len(ordinary) < MINIMUM_FOR_MEAN:
        raise InconclusiveError(f"{len(ordinary)} prompts, at least {MINIMUM_FOR_MEAN} are needed")
    values = {value for asked in ordinary for value in asked.confidence}
    assert len(values) > 2, f"of {len(ordinary)} prompts only {sorted(values)}"


@check("output.intent.accuracy", severity="major", covers=["O5"])
def test_intent_accuracy(with_intent: list[Asked], chatbot: Chatbot, target: Target) -> None:
    """The intent of prompts in scope is right often enough."""
    band = target.bands.get("intent_accuracy")
    if band is None:
        raise NotDeclared("the target says not how often the intent must be right (objectives.intent_accuracy)")
    labelled = [asked for asked in with_intent if asked.conversation.in_scope]
    right = sum(asked.mostly(asked.has_intent, chatbot.asking) for asked in labelled)
    settle(decide_share(right, len(labelled), band))


@check("output.parameters.found", severity="major", covers=["O5"])
def test_parameters_found(in_scope: list[Asked], chatbot: Chatbot, target: Target) -> None:
    """The parameters that a prompt names are found."""
    naming = [asked for asked in in_scope if asked.conversation.single and asked.conversation.parameters]
    if not naming:
        raise NotDeclared("no prompt in scope of the target's conversation sets is labelled with parameters")
    expect_field(naming, chatbot.fields.parameters, lambda reply: reply.parameters is not None)
    found = sum(asked.mostly(asked.has_parameters, chatbot.asking) for asked in naming)
    settle(decide_share(found, len(naming), target.bands["parameter_rate"]))


@check("output.repeats.agree", severity="major", covers=["O8"])
def test_repeats_agree(in_scope: list[Asked], chatbot: Chatbot, target: Target) -> None:
    """The same prompt, asked again past the cache, is answered alike."""
    if not chatbot.asking.repeated:
        raise NotDeclared("no prompt is to be repeated (chatbot.asking.repeated: 0)")
    repeated = [asked for asked in in_scope if len(asked.replies) > 1]
    alike = sum(asked.mostly(asked.is_usual, chatbot.asking) for asked in repeated)
    settle(decide_share(alike, len(repeated), target.bands["agreement_rate"]))
