"""Too many requests are waited out, and never a finding."""

from types import SimpleNamespace

import pytest

from gonogo.errors import InconclusiveError
from gonogo.probes import patience
from gonogo.probes.http import HttpAnswer
from gonogo.probes.patience import asked_pause_s, patiently


def answered(status: int, retry_after: str = "") -> HttpAnswer:
    headers = {"retry-after": retry_after} if retry_after else {}
    return HttpAnswer(status, headers, b"", 1.0)


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited_s: list[float] = []
    monkeypatch.setattr(patience, "time", SimpleNamespace(sleep=waited_s.append))  # other threads may sleep as well
    return waited_s


@pytest.mark.parametrize(
    ("statuses", "pauses_s"), [([200], []), ([500], []), ([429, 200], [3.0]), ([429, 429, 503], [3.0, 3.0])]
)
def test_it_is_asked_again_until_there_is_room(statuses: list[int], pauses_s: list[float], waited: list[float]) -> None:
    answers = iter(statuses)
    assert patiently(lambda: answered(next(answers), "3"), "main").status == statuses[-1]
    assert waited == pauses_s


def test_who_never_has_room_says_nothing(waited: list[float]) -> None:
    with pytest.raises(InconclusiveError, match="main answers 429"):
        patiently(lambda: answered(429, "600"), "main")
    assert waited == [20.0, 20.0]  # nobody waits for ten minutes


def test_a_pause_that_nobody_named() -> None:
    assert (asked_pause_s(answered(429)), asked_pause_s(answered(429, "soon"), 7.0)) == (1.0, 7.0)
