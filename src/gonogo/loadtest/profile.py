"""Load profiles: which requests arrive when, and what they ask. Plain data, shared with the generator."""

import hashlib
import math
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

from gonogo import resources
from gonogo.documents import Document, DocumentError, load_document, unusable_values, validate
from gonogo.errors import GonogoError
from gonogo.loadtest.arrivals import LoadStage, Traced, moments, read_trace
from gonogo.loadtest.capacity import Search
from gonogo.probes.asking import read_set

_CHARACTERS_A_TOKEN = 4
_FILLER = "Please take the following into account as well when you answer. "


@dataclass(frozen=True)
class Lengths:
    """How long prompts are, in tokens: normally distributed, within bounds."""

    mean: float
    stdev: float = 0.0
    least: int = 1
    most: int = 1_000_000

    def draw(self, numbers: random.Random) -> int:
        """One of them."""
        return min(self.most, max(self.least, round(numbers.gauss(self.mean, self.stdev))))


@dataclass(frozen=True)
class Part:
    """A part of the mix."""

    conversations: tuple[tuple[str, ...], ...]
    """What users say, turn by turn; most have one turn."""
    weight: float = 1.0
    model: str = ""
    """Empty: the target's."""
    streamed_share: float = 1.0
    max_tokens: int = 64
    prompt_tokens: Lengths | None = None
    """The first turn is filled up to this length; None: it is as long as it is."""
    cacheable: bool = False
    """The same text may be sent again, where the gateway's cache is the point; otherwise each prompt is made unique."""


@dataclass(frozen=True)
class Users:
    """A closed model: users who wait for each answer, and think before the next message."""

    count: int
    seconds: float
    think_time_s: float
    """The mean; exponentially distributed."""


@dataclass(frozen=True)
class Planned:
    """A conversation that is to begin."""

    position: int
    """Its number in the run: the same in every run and on every worker."""
    at_s: float
    turns: tuple[str, ...]
    model: str
    streamed: bool
    max_tokens: int
    cacheable: bool


@dataclass(frozen=True)
class Profile:
    """A load profile. Open: arrivals do not wait for answers (`stages`, `trace`, `search`); or closed: `users`."""

    name: str
    seed: int
    warm_up_s: float
    """The first part, whose attempts are not judged."""
    timeout_s: float
    mix: tuple[Part, ...]
    even: bool = False
    """Arrivals are evenly spaced, not a Poisson process."""
    stages: tuple[LoadStage, ...] = ()
    trace: tuple[Traced, ...] = ()
    users: Users | None = None
    think_time_s: float = 2.0
    """The mean between the turns of a conversation that arrived."""
    digest: str = ""
    """Of the profile's file."""
    search: Search | None = None
    """Instead of arrivals: the rate is what is looked for."""
    stops_when_decided: bool = False
    """The run ends as soon as every objective is decided; otherwise it is played to its end."""
    extend_s: float = 0.0
    """How much longer the last stage's rate is kept up while an objective is undecided."""

    @cached_property
    def seconds(self) -> float:
        """How long requests are sent."""
        if self.users is not None:
            return self.users.seconds
        if self.search is not None:
            return self.search.most_s
        return self.trace[-1].at_s if self.trace else sum(stage.seconds for stage in self.stages)

    @property
    def ends_within_s(self) -> float:
        """How long a run takes at most, its last answers included, which a search waits for after each trial."""
        ends = 1 if self.search is None else self.search.most_trials
        return self.seconds + self.extend_s + ends * self.timeout_s

    @cached_property
    def moments(self) -> tuple[float, ...]:
        """When conversations arrive, in seconds from the start, an extension included; none in a closed model."""
        if self.users is not None or self.search is not None:
            return ()
        if self.trace:
            return tuple(item.at_s for item in self.trace)
        last = self.stages[-1:] if self.extend_s else ()
        more = [LoadStage(self.extend_s, stage.to_rate_per_s, stage.to_rate_per_s) for stage in last]
        return tuple(moments([*self.stages, *more], even=self.even, seed=self.seed))

    @cached_property
    def expected(self) -> int:
        """About how many attempts are judged, as far as that is known before the run; an extension not counted."""
        turns = sum(part.weight * sum(map(len, part.conversations)) / len(part.conversations) for part in self.mix)
        begun = sum(self.warm_up_s <= at_s <= self.seconds for at_s in self.moments)
        return round(begun * turns / sum(part.weight for part in self.mix))

    @cached_property
    def requests(self) -> int:
        """About how many requests are sent at most, every turn counted, as far as that is known before the run."""
        if self.users is not None:  # as if every answer came at once
            return math.ceil(self.users.count * self.users.seconds / max(self.users.think_time_s, 1.0))
        if self.search is not None:
            return self.search.most_requests * max(len(talk) for part in self.mix for talk in part.conversations)
        return sum(len(planned.turns) for planned in self.planned())

    @property
    def most_tokens(self) -> int:
        """How many tokens all answers may have at most, as far as that is known before the run."""
        lengths = [*(part.max_tokens for part in self.mix), *(item.max_tokens or 0 for item in self.trace)]
        return self.requests * max(lengths)

    @property
    def mean_tokens(self) -> float:
        """Of an answer, at most, over the mix."""
        return sum(part.weight * part.max_tokens for part in self.mix) / sum(part.weight for part in self.mix)

    @cached_property
    def highest_rate_per_s(self) -> float:
        """The most conversations that begin within any second; in a closed model, as if every answer came at once."""
        if self.search is not None:
            return self.search.to_rate_per_s
        if self.users is not None:
            return self.users.count / max(self.users.think_time_s, 1.0)
        return max(Counter(int(at_s) for at_s in self.moments).values())

    def held_at(self, rate_per_s: float, seconds: float, number: int) -> "Profile":
        """The same requests at a constant rate: one of the trials of a search, each with moments of its own."""
        stage = LoadStage(seconds, rate_per_s, rate_per_s)
        warm_up_s = min(self.warm_up_s, seconds / 4)
        return replace(self, search=None, stages=(stage,), warm_up_s=warm_up_s, seed=self.seed + number)

    @cached_property
    def _weights(self) -> list[float]:
        return list(accumulate(part.weight for part in self.mix))

    def planned(self, worker: int = 0, workers: int = 1) -> Iterator[Planned]:
        """The conversations that one of several workers begins; together they begin each exactly once."""
        for position in range(worker, len(self.moments), workers):
            yield self.plan(position)

    def plan(self, position: int) -> Planned:
        """What is asked at a position: it depends on the seed and the position only."""
        # an integer is a seed at once; a text would be digested first, which takes as long as all the rest
        numbers = random.Random(self.seed << 40 | position)  # noqa: S311 (a mix of prompts, not a secret)
        part = numbers.choices(self.mix, cum_weights=self._weights)[0] if len(self.mix) > 1 else self.mix[0]
        traced = self.trace[position] if self.trace else None
        turns = numbers.choice(part.conversations)
        length = traced.prompt_tokens if traced is not None else None
        if length is None and part.prompt_tokens is not None:
            length = part.prompt_tokens.draw(numbers)
        if length is not None:
            turns = (of_length(turns[0], length), *turns[1:])
        return Planned(
            position=position,
            at_s=self.moments[position] if position < len(self.moments) else 0.0,
            turns=turns,
            model=part.model,
            streamed=numbers.random() < part.streamed_share,
            max_tokens=(traced.max_tokens if traced is not None else None) or part.max_tokens,
            cacheable=part.cacheable,
        )


def of_length(text: str, tokens: int) -> str:
    """A text of about so many tokens: filled up, or cut."""
    characters = tokens * _CHARACTERS_A_TOKEN
    filler = _FILLER * (max(0, characters - len(text)) // len(_FILLER) + 1)
    return (text if len(text) >= characters else f"{text} {filler}")[: max(1, characters)].strip() or "?"


def load_profile(file: Path) -> Profile:
    """Read a profile.

    Raises:
        DocumentError: it is not a valid profile.
    """
    document = load_document(file)
    problems = [*unusable_values(document), *validate(document, resources.schema("profile"))]
    if problems:
        raise DocumentError(problems)
    profile = _Reading(document).profile()
    if profile.warm_up_s >= profile.seconds:
        raise DocumentError([document.problem(("warm_up_s",), "the warm-up is as long as the whole run")])
    if profile.search is not None and profile.search.to_rate_per_s < profile.search.from_rate_per_s:
        raise DocumentError([document.problem(("search", "to_rate_per_s"), "lies below from_rate_per_s")])
    if profile.users is None and profile.search is None and not profile.moments:
        raise DocumentError([document.problem(("stages",), "not one request arrives")])
    return profile


class _Reading:
    """From a valid document to a profile."""

    def __init__(self, document: Document) -> None:
        self._document, self._raw = document, document.value

    def profile(self) -> Profile:
        raw = self._raw
        kept = {key: raw[key] for key in ("warm_up_s", "timeout_s", "think_time_s", "extend_s") if key in raw}
        return Profile(
            name=Path(self._document.file).stem,
            digest=hashlib.sha256(Path(self._document.file).read_bytes()).hexdigest(),
            seed=raw.get("seed", 1),
            mix=tuple(self._part(i, part) for i, part in enumerate(raw["mix"])),
            even=raw.get("arrivals") == "constant",
            stages=tuple(map(_stage, raw.get("stages", ()))),
            trace=self._trace(),
            users=Users(**raw["users"]) if "users" in raw else None,
            search=Search(**raw["search"]) if "search" in raw else None,
            stops_when_decided=raw.get("stop") == "decided",
            **kept,
        )

    def _trace(self) -> tuple[Traced, ...]:
        raw = self._raw.get("trace")
        if raw is None:
            return ()
        try:
            return tuple(read_trace(self._file(raw["file"]), raw.get("speed", 1.0)))
        except GonogoError as error:
            raise DocumentError([self._document.problem(("trace", "file"), str(error))]) from error

    def _part(self, position: int, raw: Mapping[str, Any]) -> Part:
        given = {key: value for key, value in raw.items() if key not in {"prompts", "conversations", "prompt_tokens"}}
        lengths = Lengths(**raw["prompt_tokens"]) if "prompt_tokens" in raw else None
        found: tuple[tuple[str, ...], ...] = tuple((prompt,) for prompt in raw.get("prompts", ()))
        if "conversations" in raw:
            found += self._conversations(position, raw["conversations"])
        return Part(conversations=found, prompt_tokens=lengths, **given)

    def _conversations(self, position: int, name: str) -> tuple[tuple[str, ...], ...]:
        """What users say in a set of conversations, shipped or a file; what is adversarial stays out."""
        file = resources.conversation_sets().get(name) or self._file(name)
        where = ("mix", position, "conversations")
        if not file.is_file():
            raise DocumentError([self._document.problem(where, f"no set or file {name!r}")])
        found = tuple(talk.turns for talk in read_set(file) if not talk.adversarial)
        if not found:
            raise DocumentError([self._document.problem(where, f"{name} holds no conversation")])
        return found

    def _file(self, name: str) -> Path:
        return (Path(self._document.file).parent / name).resolve()


def _stage(raw: Mapping[str, Any]) -> LoadStage:
    return LoadStage(raw["seconds"], raw["rate_per_s"], raw.get("to_rate_per_s", raw["rate_per_s"]))
