"""How good a chatbot's answers to labelled prompts are, and how they differ from a baseline's. No thresholds here."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gonogo.objectives import Draws, Figures
from gonogo.rules.conversations import EVALUATION, Answer, Conversation
from gonogo.rules.replies import Reply, missing_parameters, read_body, read_reply
from gonogo.targets.chatbot import Asking, Fields


@dataclass(frozen=True)
class Asked:
    """A conversation, and the last answer of each time that it was held."""

    conversation: Conversation
    replies: tuple[Reply, ...]
    """At least one; what was no JSON object is a reply without fields."""

    def share(self, holds: Callable[[Reply], bool]) -> float:
        """The share of its answers of which something holds."""
        return sum(map(holds, self.replies)) / len(self.replies)

    def mostly(self, holds: Callable[[Reply], bool], asking: Asking) -> bool:
        """Whether it holds of as many answers as the target wants (`agree` of `repeats`)."""
        return self.share(holds) >= asking.agree / asking.repeats

    @property
    def intent(self) -> str:
        """The intent that most answers name."""
        return Counter(str(reply.intent) for reply in self.replies).most_common(1)[0][0]

    @property
    def usual(self) -> tuple[object, ...]:
        """What most answers do."""
        return Counter(reply.gist for reply in self.replies).most_common(1)[0][0]

    @property
    def confidence(self) -> list[float]:
        """The mean confidence of its answers, as the one item of a list; empty if none tells any."""
        told = [reply.confidence for reply in self.replies if reply.confidence is not None]
        return [sum(told) / len(told)] if told else []

    def has_intent(self, reply: Reply) -> bool:
        """Whether an answer names the right intent."""
        return reply.intent == self.conversation.intent

    def has_parameters(self, reply: Reply) -> bool:
        """Whether an answer holds the parameters that were told."""
        return not missing_parameters(reply, self.conversation.parameters)

    def is_usual(self, reply: Reply) -> bool:
        """Whether an answer does what most do; what is no JSON object agrees with nothing."""
        return reply.parsed and reply.gist == self.usual

    @property
    def accuracy(self) -> float:
        """The share of its answers that name the right intent."""
        return self.share(self.has_intent)

    @property
    def passes(self) -> float:
        """The share of its answers that are all that the labels say: intent, scope, parameters."""
        return self.share(self._is_as_labelled)

    def _is_as_labelled(self, reply: Reply) -> bool:
        right_scope = reply.fallback is (not self.conversation.in_scope)
        return right_scope and self.has_intent(reply) and self.has_parameters(reply)


NOTHING = Reply(None, None, None, None, None, (), parsed=False)
"""What stands for an answer that is no JSON object."""


def gathered(conversations: Iterable[Conversation], answers: Iterable[Answer], fields: Fields) -> list[Asked]:
    """The conversations that were held, each with its last replies; those that say nothing of the chatbot are left out.

    A conversation that ended early, or with something that is no JSON object, has `NOTHING` for a reply.
    """
    held: dict[str, dict[int, Answer]] = {}
    for answer in sorted(answers, key=lambda answer: answer.turn):
        held.setdefault(answer.key, {})[answer.repeat] = answer
    found = []
    for conversation in conversations:
        last = [answer for answer in held.get(conversation.key, {}).values() if not answer.undecided]
        if last:
            found.append(Asked(conversation, tuple(_reply(answer, conversation, fields) for answer in last)))
    return found


def _reply(answer: Answer, conversation: Conversation, fields: Fields) -> Reply:
    is_last = answer.turn == len(conversation.turns) - 1
    value = read_body(answer.body).value if answer.answered and is_last else None
    return NOTHING if value is None else read_reply(value, fields)


FEWEST_OF_AN_INTENT = 10
"""An intent with fewer prompts says too little for a mean over intents: one answer would move it by a tenth."""


@dataclass(frozen=True)
class Pair:
    """One prompt, asked of the baseline and of the candidate."""

    before: Asked
    after: Asked

    @property
    def changed(self) -> bool:
        """Whether most answers now name another intent, or other parameters, or fall back otherwise."""
        return self.before.usual != self.after.usual


def paired(before: Iterable[Asked], after: Iterable[Asked]) -> list[Pair]:
    """The prompts that both answered."""
    known = {asked.conversation.key: asked for asked in before}
    return [Pair(known[asked.conversation.key], asked) for asked in after if asked.conversation.key in known]


def accuracy_drop(pairs: Sequence[Pair]) -> Callable[[Draws], Figures]:
    """How much less often the intent is right now, over drawn pairs."""
    return _mean_of([pair.before.accuracy - pair.after.accuracy for pair in pairs])


def passing_drop(pairs: Sequence[Pair]) -> Callable[[Draws], Figures]:
    """How much less often an answer is all that the labels say, over drawn pairs."""
    return _mean_of([pair.before.passes - pair.after.passes for pair in pairs])


def _mean_of(values: Sequence[float]) -> Callable[[Draws], Figures]:
    array = np.array(values)
    return lambda draws: draws @ array / len(values)


def macro_f1_drop(pairs: Sequence[Pair]) -> Callable[[Draws], Figures]:
    """How much lower the mean F1 of the intents is now, over drawn pairs; of intents with enough prompts."""
    wanted = [str(pair.after.conversation.intent) for pair in pairs]
    counts = Counter(wanted)
    intents = [intent for intent in counts if counts[intent] >= FEWEST_OF_AN_INTENT] or list(counts)
    before = macro_f1(wanted, [pair.before.intent for pair in pairs], intents)
    after = macro_f1(wanted, [pair.after.intent for pair in pairs], intents)
    return lambda draws: before(draws) - after(draws)


def macro_f1(wanted: Sequence[str], said: Sequence[str], intents: Sequence[str]) -> Callable[[Draws], Figures]:
    """The mean over intents of F1 = 2 x right / (wanted + said) (van Rijsbergen 1979), over drawn prompts.

    It is 1 for an intent that is not among what was drawn: nobody wanted or said it.
    """
    is_wanted, is_said = _where(wanted, intents), _where(said, intents)

    def mean(draws: Draws) -> Figures:
        right, both = draws @ (is_wanted * is_said), draws @ (is_wanted + is_said)
        scores: Figures = np.divide(2 * right, both, out=np.ones_like(both), where=both > 0).mean(axis=1)
        return scores

    return mean


def _where(labels: Sequence[str], intents: Sequence[str]) -> NDArray[np.float64]:
    """1 where a label (row) is an intent (column), 0 elsewhere."""
    return np.array([[float(label == intent) for intent in intents] for label in labels])


def evaluation_subset(pairs: Iterable[Pair]) -> list[Pair]:
    """The pairs that are tagged `evaluation`."""
    return [pair for pair in pairs if EVALUATION in pair.after.conversation.tags]


def by_intent(pairs: Iterable[Pair]) -> list[Mapping[str, object]]:
    """A table: for each intent how many prompts, and which share of them was and is right."""
    sorts: dict[str, list[Pair]] = {}
    for pair in pairs:
        sorts.setdefault(str(pair.after.conversation.intent), []).append(pair)
    return [
        {
            "intent": intent,
            "prompts": len(found),
            "before": round(math.fsum(pair.before.accuracy for pair in found) / len(found), 3),
            "after": round(math.fsum(pair.after.accuracy for pair in found) / len(found), 3),
            "changed": sum(pair.changed for pair in found),
        }
        for intent, found in sorted(sorts.items())
    ]
