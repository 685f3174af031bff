"""What a change touched comes back, what others changed since stays."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.faults.patches import changed_meanwhile, left_over, undoing

VALUES = st.recursive(
    st.integers(0, 3) | st.lists(st.integers(0, 1), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


def merged(item: Any, patch: Any) -> Any:
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    found = dict(item) if isinstance(item, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found


def bare(item: Any) -> Any:
    """Without empty maps: a merge patch cannot tell them from none."""
    if not isinstance(item, dict):
        return item
    inner = {key: bare(value) for key, value in item.items()}
    return {key: value for key, value in inner.items() if value != {}}


@given(OBJECTS, OBJECTS)
def test_a_change_is_undone(before: dict[str, Any], after: dict[str, Any]) -> None:
    back = merged(after, undoing(before, after, after))
    assert bare(back) == bare(before)
    assert changed_meanwhile(before, after, after) == []
    assert changed_meanwhile(before, after, before) == []


OLD: dict[str, Any] = {"spec": {"image": "1"}}
NEW: dict[str, Any] = {"spec": {"image": "2"}, "annotations": {"ours": "x"}}


@pytest.mark.parametrize(
    ("now", "result"),
    [
        ({**NEW, "annotations": {"ours": "x", "theirs": "y"}}, {**OLD, "annotations": {"theirs": "y"}}),
        ({**NEW, "spec": {"image": "2", "replicas": 3}}, {"spec": {"image": "1", "replicas": 3}}),
        ({"spec": {"image": "2"}}, OLD),
    ],
)
def test_what_others_added_stays(now: dict[str, Any], result: dict[str, Any]) -> None:
    assert changed_meanwhile(OLD, NEW, now) == []
    back = merged(now, undoing(OLD, NEW, now))
    assert back == result
    assert left_over(OLD, NEW, back) == []


def test_what_others_changed_in_the_same_place_is_told() -> None:
    assert changed_meanwhile(OLD, NEW, {**NEW, "spec": {"image": "3"}}) == ["spec.image"]
    assert left_over(OLD, NEW, NEW) == ["annotations.ours", "spec.image"]
