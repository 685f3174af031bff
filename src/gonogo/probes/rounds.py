"""Watching for a day or two: a look every so often, each kept on disk at once, so that the watch can go on later."""

import fcntl
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TextIO

from gonogo.errors import InconclusiveError
from gonogo.rules.rounds import Round
from gonogo.targets.watch import Watch
from gonogo.writing import write_whole

_FORMAT = 1
_NAP_S = 5.0
_LONGEST = 2.0
"""So many times its length a watch may last, if it was interrupted."""


class Clock(Protocol):
    """Tells the time, and lets it pass."""

    def now(self) -> float:
        """Unix time, in seconds."""

    def wait(self, seconds: float) -> None:
        """Come back after so many seconds."""


class WallClock:
    """This machine's."""

    def now(self) -> float:
        """Unix time, in seconds."""
        return time.time()

    def wait(self, seconds: float) -> None:
        """Come back after so many seconds; Ctrl-C comes through."""
        time.sleep(seconds)


@dataclass(frozen=True)
class Watched:
    """A watch, as far as it has come."""

    began_s: float
    """Unix time."""
    rounds: tuple[Round, ...]
    resumed: int
    """How many of them an earlier run has left."""


class WatchFile:
    """The rounds of one watch, a line of JSON each; the first line says of what."""

    def __init__(self, file: Path, subject: str, watch: Watch, clock: Clock) -> None:
        """Of the same subject it is gone on with; what is there of another one is kept beside it."""
        self._file, self._subject, self._watch, self._clock = file, subject, watch, clock
        self._lock: TextIO | None = None

    def take_up(self) -> Watched:
        """What an earlier run has left of the same watch, or a new one.

        Raises:
            InconclusiveError: the file cannot be written, or another run is watching.
        """
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._lock = self._file.with_suffix(".lock").open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise InconclusiveError("another run is watching this target") from error
        except OSError as error:
            raise InconclusiveError(f"the watch cannot be kept: {error}") from error
        found = self._read()
        try:
            if found is None and self._file.exists():
                self.put_away()
            found = found or Watched(self._clock.now(), (), 0)
            self._write(found)  # anew: of a line that was cut off nothing may be left
        except OSError as error:
            raise InconclusiveError(f"the watch cannot be kept: {error}") from error
        return found

    def add(self, one: Round) -> None:
        """Keep a round.

        Raises:
            InconclusiveError: it cannot be written.
        """
        try:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(one)) + "\n")
        except OSError as error:
            raise InconclusiveError(f"the watch cannot be kept: {error}") from error

    def put_away(self) -> None:
        """It is over: the next watch begins anew."""
        self._file.replace(self._file.with_suffix(f".{int(self._clock.now())}.jsonl"))

    def close(self) -> None:
        """Let others watch."""
        if self._lock is not None:
            self._lock.close()

    def _write(self, watched: Watched) -> None:
        head: dict[str, Any] = {"format": _FORMAT, "subject": self._subject, "began_s": watched.began_s}
        lines = [head | asdict(self._watch), *map(asdict, watched.rounds)]
        write_whole(self._file, "".join(json.dumps(line) + "\n" for line in lines))

    def _read(self) -> Watched | None:
        try:
            lines = self._file.read_text(encoding="utf-8").split("\n")[:-1]  # what has no line's end was cut off
            head, *rest = map(json.loads, lines)
            if (head["format"], head["subject"]) != (_FORMAT, self._subject) or Watch(
                **{name: head[name] for name in asdict(self._watch)}
            ) != self._watch:
                return None
            rounds = tuple(Round(**{**line, "confidence": tuple(line["confidence"])}) for line in rest)
            return Watched(float(head["began_s"]), rounds, len(rounds))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def keep_watch(  # noqa: PLR0913, PLR0917 (what a watch consists of)
    file: WatchFile,
    watch: Watch,
    look: Callable[[int], Round],
    is_broken: Callable[[Sequence[Round]], str],
    clock: Clock,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Watched, str]:
    """Look every so often until all rounds are held, or there is no sense in going on; why that is.

    The file is left as it is: whoever asks puts it away, once what was found is safe.

    Time in which nobody watched is made up for, up to as long as the watch itself.

    Args:
        file: where the rounds are kept.
        watch: how long and how often.
        look: looks, with the round's number.
        is_broken: why the watch must end before its time; empty where it need not.
        clock: tells the time.
        say: told what is waited for.
    """
    watched = file.take_up()
    if watched.resumed:
        say(f"goes on with {watched.resumed} rounds of an earlier run")
    ends_s = watched.began_s + _LONGEST * watch.hours * 3600
    while not (broken := is_broken(watched.rounds)) and len(watched.rounds) < watch.rounds:
        due_s = _due(watched, watch, clock.now())
        if due_s >= ends_s:
            break
        while (left_s := due_s - clock.now()) > 0:
            say(f"round {len(watched.rounds) + 1} of {watch.rounds} in {left_s:.0f} s")
            clock.wait(min(left_s, _NAP_S))
        one = look(len(watched.rounds))
        file.add(one)
        watched = replace(watched, rounds=(*watched.rounds, one))
    return watched, broken


def _due(watched: Watched, watch: Watch, now_s: float) -> float:
    """When the next look is due: on the beat that began with the watch, and not twice at one of its strokes."""
    if not watched.rounds:
        return now_s
    latest = int((watched.rounds[-1].at_s - watched.began_s) // watch.every_s)
    return max(now_s, watched.began_s + (latest + 1) * watch.every_s)
