"""After a promotion: does the bot still answer what it should, and is it as sure?"""

from gonogo.fixtures.output import expect_told
from gonogo.fixtures.watch import WatchRecord
from gonogo.plugin import check, settle
from gonogo.rules.rounds import decide_confidence, decide_fallbacks, tells_confidence, tells_fallbacks
from gonogo.targets.chatbot import Chatbot
from gonogo.targets.model import Target


@check("output.watch.fallbacks", severity="major", covers=["P4", "O3"], watch=True)
def test_watch_fallbacks(chatbot: Chatbot, watch_record: WatchRecord, target: Target) -> None:
    """For a day or two after the promotion, prompts in scope rarely fall back."""
    expect_told(tells_fallbacks(watch_record.rounds), chatbot.fields.fallback)
    settle(decide_fallbacks(watch_record.rounds, target.bands["fallback_rate"], watch_record.expected))


@check("output.watch.confidence", severity="major", covers=["P4", "O4"], watch=True)
def test_watch_confidence(chatbot: Chatbot, watch_record: WatchRecord, target: Target) -> None:
    """For a day or two after the promotion, the mean confidence is high enough."""
    expect_told(tells_confidence(watch_record.rounds), chatbot.fields.confidence)
    settle(decide_confidence(watch_record.rounds, target.bands["mean_confidence"], watch_record.expected))
