"""Does the bot answer what it should, send away what it should not, and know how sure it is?"""

from gonogo.errors import InconclusiveError, NotDeclared
from gonogo.objectives import MINIMUM_FOR_MEAN, decide_mean, decide_share
from gonogo.plugin import check, settle
from gonogo.rules.quality import Asked
from gonogo.targets.chatbot import Chatbot
from gonogo.targets.model import Target


@check("output.fallback.in_scope_rate", severity="major", covers=["O3"], smoke=True)
def test_fallback_in_scope_rate(in_scope: list[Asked], chatbot: Chatbot, target: Target) -> None:
    """Prompts in scope rarely fall back."""
    answered = sum(asked.mostly(lambda reply: reply.fallback is False, chatbot.asking) for asked in in_scope)
    settle(decide_share(len(in_scope) - answered, len(in_scope), target.bands["fallback_rate"]))


@check("output.fallback.out_of_scope", severity="minor", covers=["O3"])
def test_fallback_out_of_scope(labelled: list[Asked], chatbot: Chatbot, target: Target) -> None:
    """Prompts out of scope fall back."""
    outside = [asked for asked in labelled if not asked.conversation.in_scope]
    if not outside:
        raise NotDeclared("no conversation set of the target has prompts out of scope (in_scope: false)")
    sent_away = sum(asked.mostly(lambda reply: reply.fallback is True, chatbot.asking) for asked in outside)
    settle(decide_share(len(outside) - sent_away, len(outside), target.bands["missed_fallback_rate"]))


@check("output.confidence.mean", severity="major", covers=["O4"], smoke=True)
def test_confidence_mean(in_scope: list[Asked], target: Target) -> None:
    """The mean confidence of answers in scope is high enough."""
    values = [
        sum(told) / len(told)
        for asked in in_scope
        if (told := [reply.confidence for reply in asked.replies if reply.confidence is not None])
    ]
    settle(decide_mean(values, target.bands["mean_confidence"]))


@check("output.confidence.varies", severity="minor", covers=["O4"])
def test_confidence_varies(labelled: list[Asked]) -> None:
    """The confidence is not the same whatever is asked: such a figure says nothing."""
    if len(labelled) < MINIMUM_FOR_MEAN:
        raise InconclusiveError(f"{len(labelled)} prompts, at least {MINIMUM_FOR_MEAN} are needed")
    values = {reply.confidence for asked in labelled for reply in asked.replies}
    assert len(values) > 2, f"of {len(labelled)} prompts only {sorted(map(str, values))}"


@check("output.intent.accuracy", severity="major", covers=["O5"])
def test_intent_accuracy(in_scope: list[Asked], chatbot: Chatbot, target: Target) -> None:
    """The intent of prompts in scope is right often enough."""
    band = target.bands.get("intent_accuracy")
    if band is None:
        raise NotDeclared("the target says not how often the intent must be right (objectives.intent_accuracy)")
    right = sum(asked.mostly(asked.has_intent, chatbot.asking) for asked in in_scope)
    settle(decide_share(right, len(in_scope), band))


@check("output.parameters.found", severity="major", covers=["O5"])
def test_parameters_found(in_scope: list[Asked], chatbot: Chatbot, target: Target) -> None:
    """The parameters that a prompt names are found."""
    naming = [asked for asked in in_scope if asked.conversation.parameters]
    if not naming:
        raise NotDeclared("no prompt in scope of the target's conversation sets is labelled with parameters")
    found = sum(asked.mostly(asked.has_parameters, chatbot.asking) for asked in naming)
    settle(decide_share(found, len(naming), target.bands["parameter_rate"]))


@check("output.repeats.agree", severity="major", covers=["O8"])
def test_repeats_agree(in_scope: list[Asked], chatbot: Chatbot, target: Target) -> None:
    """The same prompt, asked again past the cache, is answered alike."""
    repeated = [asked for asked in in_scope if len(asked.replies) == chatbot.asking.repeats]
    if not repeated:
        raise NotDeclared("no prompt was repeated (chatbot.asking.repeated)")
    alike = sum(asked.mostly(asked.is_usual, chatbot.asking) for asked in repeated)
    settle(decide_share(alike, len(repeated), target.bands["agreement_rate"]))
