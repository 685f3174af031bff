"""A watch on a clock that runs as fast as one likes."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from gonogo.errors import InconclusiveError
from gonogo.probes.rounds import Watched, WatchFile, keep_watch
from gonogo.rules.rounds import Round
from gonogo.targets.watch import Watch

WATCH = Watch(hours=24, every_s=900, prompts=5)


class FastClock:
    """Time passes by being waited for."""

    def __init__(self, now_s: float = 1e9) -> None:
        self.now_s = now_s

    def now(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> None:
        self.now_s += seconds


def kept(folder: Path, clock: FastClock, subject: str = "shop", watch: Watch = WATCH) -> WatchFile:
    return WatchFile(folder / "state" / "watch.jsonl", subject, watch, clock)


def watched(folder: Path, clock: FastClock, *, stop_after: int = 10**9, subject: str = "shop") -> tuple[Watched, str]:
    def look(number: int) -> Round:
        if number >= stop_after:
            raise KeyboardInterrupt
        clock.wait(30)  # a look takes its time
        return Round(clock.now() - 30, {"a": float(number)}, asked=5, confidence=(0.5, 0.25))

    with closing(kept(folder, clock, subject)) as file:
        found = keep_watch(file, WATCH, look, lambda _: "", clock)
        file.put_away()
    return found


def test_a_day_is_96_rounds_on_the_beat(tmp_path: Path) -> None:
    clock = FastClock()
    found, broken = watched(tmp_path, clock)
    assert (len(found.rounds), found.resumed, broken) == (96, 0, "")
    assert [one.at_s - found.began_s for one in found.rounds] == [900.0 * i for i in range(96)]
    assert not (tmp_path / "state" / "watch.jsonl").exists()


def test_what_was_ended_goes_on_and_the_gap_is_made_up_for(tmp_path: Path) -> None:
    clock = FastClock()
    with pytest.raises(KeyboardInterrupt):
        watched(tmp_path, clock, stop_after=10)
    with (tmp_path / "state" / "watch.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"at_s": 1')  # the machine went down while this line was written
    clock.wait(5 * 3600)
    with pytest.raises(KeyboardInterrupt):
        watched(tmp_path, clock, stop_after=20)
    found, _ = watched(tmp_path, clock)
    assert (len(found.rounds), found.resumed) == (96, 20)
    assert found.rounds[9].confidence == (0.5, 0.25)
    assert 28 * 3600 < found.rounds[-1].at_s - found.began_s < 30 * 3600


def test_a_watch_that_was_left_for_days_ends_with_what_there_is(tmp_path: Path) -> None:
    clock = FastClock()
    with pytest.raises(KeyboardInterrupt):
        watched(tmp_path, clock, stop_after=10)
    clock.wait(72 * 3600)
    assert len(watched(tmp_path, clock)[0].rounds) == 10
    assert watched(tmp_path, clock)[0].resumed == 0, "the next one begins anew"


def test_another_subject_begins_anew_and_keeps_the_old_one(tmp_path: Path) -> None:
    clock = FastClock()
    with pytest.raises(KeyboardInterrupt):
        watched(tmp_path, clock, stop_after=3)
    assert watched(tmp_path, clock, subject="shop CHG-8")[0].resumed == 0
    assert len(list((tmp_path / "state").glob("watch.*.jsonl"))) == 2


def test_what_is_broken_ends_the_watch(tmp_path: Path) -> None:
    def is_broken(rounds: Sequence[Round]) -> str:
        return "too slow" if len(rounds) == 4 else ""

    clock = FastClock()
    with closing(kept(tmp_path, clock)) as file:
        found, broken = keep_watch(file, WATCH, lambda _: Round(clock.now()), is_broken, clock)
    assert (len(found.rounds), broken) == (4, "too slow")


def test_looks_that_take_longer_than_the_beat_follow_one_another(tmp_path: Path) -> None:
    def look(_: int) -> Round:
        clock.wait(1000)
        return Round(clock.now() - 1000)

    clock = FastClock()
    with closing(kept(tmp_path, clock)) as file:
        found, _ = keep_watch(file, WATCH, look, lambda _: "", clock)
    pauses = {later.at_s - earlier.at_s for earlier, later in zip(found.rounds, found.rounds[1:], strict=False)}
    assert (len(found.rounds), pauses) == (96, {1000.0})


def test_a_file_that_cannot_be_written_is_inconclusive(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(InconclusiveError, match="the watch cannot be kept"):
        kept(tmp_path, FastClock()).take_up()


def test_two_runs_do_not_watch_one_target(tmp_path: Path) -> None:
    with closing(kept(tmp_path, FastClock())) as first:
        first.take_up()
        with pytest.raises(InconclusiveError, match="another run is watching"):
            kept(tmp_path, FastClock(), "shop CHG-9").take_up()
    with closing(kept(tmp_path, FastClock())) as second:
        assert second.take_up().resumed == 0
