"""Is the candidate as good as what stands now: the accepted answers, or another deployment asked beside it?"""

from gonogo.errors import NotDeclared
from gonogo.objectives import decide_drop
from gonogo.plugin import check, settle
from gonogo.rules.quality import Pair, accuracy_drop, evaluation_subset, macro_f1_drop, passing_drop
from gonogo.targets.model import Target


@check("output.change.intents", severity="major", covers=["O5"])
def test_change_intents(pairs: list[Pair], target: Target) -> None:
    """The intent is right as often as the baseline's."""
    settle(decide_drop(len(pairs), accuracy_drop(pairs), target.bands["intent_accuracy_drop"]))


@check("output.change.macro_f1", severity="major", covers=["O5"])
def test_change_macro_f1(pairs: list[Pair], target: Target) -> None:
    """No intent is lost among the others: the mean F1 over the intents is the baseline's."""
    settle(decide_drop(len(pairs), macro_f1_drop(pairs), target.bands["macro_f1_drop"]))


@check("output.change.evaluation", severity="major", covers=["O5"])
def test_change_evaluation(pairs: list[Pair], target: Target) -> None:
    """The evaluation subset passes as often as with the baseline: intent, scope and parameters."""
    subset = evaluation_subset(pairs)
    if pairs and not subset:
        raise NotDeclared("no prompt of the target's conversation sets is tagged `evaluation`")
    settle(decide_drop(len(subset), passing_drop(subset), target.bands["evaluation_drop"]))
