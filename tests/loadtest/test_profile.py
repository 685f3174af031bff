"""When requests arrive and what they ask: the same for the same seed, in the shape that the profile draws."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gonogo.documents import DocumentError
from gonogo.errors import GonogoError
from gonogo.loadtest.arrivals import LoadStage, moments, read_trace
from gonogo.loadtest.profile import Lengths, Part, Profile, Users, load_profile, of_length
from gonogo.resources import folder

FLAT = LoadStage(60, 50, 50)


def profile(**changes: Any) -> Profile:
    given_: dict[str, Any] = {"name": "p", "seed": 3, "warm_up_s": 1.0, "timeout_s": 5.0, "stages": (FLAT,)}
    return Profile(**{**given_, "mix": (Part((("x",),)),), **changes})


def test_the_schedule_is_absolute_seeded_and_of_the_rate() -> None:
    first = profile()
    assert first.moments == profile().moments == tuple(sorted(first.moments))
    assert first.moments != profile(seed=4).moments
    assert len(first.moments) == pytest.approx(3000, rel=0.1)
    assert first.expected == sum(at_s >= 1 for at_s in first.moments)
    assert moments([FLAT], even=True, seed=1)[:2] == [0.01, 0.03]
    assert len(moments([FLAT], even=True, seed=1)) == 3000


def test_a_ramp_has_its_arrivals_where_its_rate_is() -> None:
    found = moments([LoadStage(100, 0, 40)], even=True, seed=1)
    assert len(found) == 2000
    # the expected number grows with the square of the time: a quarter of all in the first half
    assert sum(at_s < 50 for at_s in found) == pytest.approx(500, abs=1)
    falling = moments([LoadStage(100, 40, 0)], even=True, seed=1)
    assert sum(at_s < 50 for at_s in falling) == pytest.approx(1500, abs=1)


def test_a_spike_between_two_plateaus() -> None:
    found = moments(
        [LoadStage(10, 1, 1), LoadStage(1, 1, 100), LoadStage(5, 100, 100), LoadStage(10, 1, 1)], even=False, seed=2
    )
    by_part = [sum(low <= at_s < high for at_s in found) for low, high in ((0, 10), (11, 16), (16, 26))]
    assert by_part[1] == pytest.approx(500, rel=0.2)
    assert max(by_part[0], by_part[2]) < 30


STAGES = st.lists(st.builds(LoadStage, st.floats(0.1, 50), st.floats(0, 20), st.floats(0, 20)), min_size=1, max_size=4)


@given(STAGES, st.booleans(), st.integers(0, 5))
def test_moments_are_in_order_and_within_the_run(stages: list[LoadStage], even: bool, seed: int) -> None:
    found = moments(stages, even=even, seed=seed)
    assert found == sorted(found)
    assert all(0 <= at_s <= sum(stage.seconds for stage in stages) + 1e-6 for at_s in found)
    expected = sum(stage.arrivals for stage in stages)
    assert abs(len(found) - expected) <= (1 if even else 6 * (expected**0.5 + 1))


def test_several_workers_begin_each_conversation_exactly_once() -> None:
    mixed = profile(mix=(Part((("a",), ("b",))), Part((("c", "d"),), weight=3, streamed_share=0.5)))
    shares = [list(mixed.planned(worker, 3)) for worker in range(3)]
    together = sorted((item for share in shares for item in share), key=lambda item: item.position)
    assert together == list(mixed.planned())
    assert {item.turns for item in together} == {("a",), ("b",), ("c", "d")}
    share = sum(item.turns == ("c", "d") for item in together) / len(together)
    assert share == pytest.approx(0.75, abs=0.05)
    assert 0 < sum(item.streamed for item in together) < len(together)


def test_the_budget_counts_every_turn() -> None:
    talks = profile(mix=(Part((("a", "b", "c"),), max_tokens=10),))
    assert talks.requests == 3 * len(talks.moments)
    assert talks.most_tokens == 10 * talks.requests
    assert profile(stages=(), users=Users(4, 30, 2)).requests == 60


def test_lengths_are_within_their_bounds() -> None:
    lengths, numbers = Lengths(100, 80, 20, 150), random.Random(1)
    drawn = [lengths.draw(numbers) for _ in range(1000)]
    assert (min(drawn), max(drawn)) == (20, 150)
    assert len(of_length("Hola", 50)) == pytest.approx(200, abs=1)
    assert of_length("a long text", 1) == "a lo"


MOONCAKE = '{"timestamp": 5000, "input_length": 7, "output_length": 3, "hash_ids": [1]}\n\n{"timestamp": 4000}\n'
AZURE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n"
)


def test_traces_are_played_from_their_first_request_on(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(MOONCAKE, encoding="utf-8")
    first, second = read_trace(tmp_path / "t.jsonl", speed=2)
    assert (first.at_s, first.prompt_tokens) == (0.0, None)
    assert (second.at_s, second.prompt_tokens, second.max_tokens) == (0.5, 7, 3)
    (tmp_path / "t.csv").write_text(AZURE, encoding="utf-8")
    assert [(round(t.at_s, 3), t.prompt_tokens, t.max_tokens) for t in read_trace(tmp_path / "t.csv")] == [
        (0.0, 374, 44),
        (4.315, 396, 109),
    ]


@pytest.mark.parametrize("text", ["", "{}", "not json", '{"timestamp": "x"}'])
def test_a_bad_trace_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(GonogoError, match="trace"):
        read_trace(tmp_path / "t.jsonl")
    with pytest.raises(GonogoError, match="cannot be read"):
        read_trace(tmp_path / "gone.jsonl")


def test_a_traced_request_has_its_own_lengths(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(MOONCAKE, encoding="utf-8")
    text = {"trace": {"file": "t.jsonl"}, "warm_up_s": 0, "timeout_s": 9, "mix": [{"prompts": ["x"], "max_tokens": 99}]}
    (tmp_path / "p.yaml").write_text(json.dumps(text), encoding="utf-8")
    first, second = load_profile(tmp_path / "p.yaml").planned()
    assert (first.turns, first.max_tokens) == (("x",), 99)
    assert len(second.turns[0]) == pytest.approx(28, abs=1)
    assert second.max_tokens == 3


@pytest.mark.parametrize("file", sorted((folder("load") / "profiles").glob("*.yaml")), ids=lambda file: file.stem)
def test_shipped_profiles_are_valid(file: Path) -> None:
    shipped = load_profile(file)
    assert shipped.users is not None or shipped.search is not None or shipped.expected > 100
    assert shipped.plan(0).turns


BAD: list[tuple[dict[str, Any], str]] = [
    ({"stages": None}, "lacks 'stages'"),
    ({"users": {"count": 1, "seconds": 9, "think_time_s": 1}}, "one"),
    ({"warm_up_s": 99}, "as long as the whole run"),
    ({"arrivals": "x"}, "constant"),
    ({"stages": [{"seconds": 9, "rate_per_s": 0}]}, "not one request"),
    ({"warm_up_s": 10**400}, "warm_up_s: must be a finite number"),
    ({"mix": [{"conversations": "cars-xx"}]}, "no set or file 'cars-xx'"),
    ({"mix": []}, "mix"),
    ({"stages": None, "trace": {"file": "gone.jsonl"}}, "cannot be read"),
]


@pytest.mark.parametrize(("change", "told"), BAD)
def test_a_bad_profile_is_refused(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    smoke = yaml.safe_load((folder("load") / "profiles" / "smoke.yaml").read_text(encoding="utf-8"))
    changed = {key: value for key, value in {**smoke, **change}.items() if value is not None}
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(changed), encoding="utf-8")
    with pytest.raises(DocumentError, match=told):
        load_profile(tmp_path / "p.yaml")
