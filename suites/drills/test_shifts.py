"""Is traffic led to another version as it should be: slice by slice, all at once, or onto more replicas?"""

from gonogo.errors import InconclusiveError
from gonogo.fixtures.drills import Drilled
from gonogo.plugin import check, expect_flawless
from gonogo.rules.shares import is_too_few

_MOST_UNSENT = 0.1
"""Of the requests that are to drive the replicas up."""
_NEARLY_ALL = 0.9
"""Of the last slice: a few requests may still have been on their way to the old version."""


@check("drills.canary.decides", severity="critical", covers=["G4"], permission="disruptive")
def test_canary_decides(canary_drill: Drilled) -> None:
    """A good new version reaches its last slice; a bad one is aborted by the analysis before that."""
    canary_drill.expect_performed()
    found, declared = canary_drill.found, canary_drill.declared
    if found["old_too"]:  # a slow machine, or something that both versions need
        raise InconclusiveError(f"aborted for what is not the new version's alone: of the old one {found['old_too']}")
    if declared.is_bad:
        assert found["aborted_at"] is not None, (
            f"the bad version was given {found['reached']:g} %, and nothing aborted it"
        )
        assert found["aborted_at"] < declared.percents[-1], "the bad version was aborted at its last slice only"
    else:
        why = canary_drill.report["noticed_why"]
        assert found["aborted_at"] is None, f"the good version was aborted at {found['aborted_at']:g} %: {why}"
        if not found["versions_before"]:
            raise InconclusiveError("nothing proves that the new version was given its slices: declare version_header")
        expect_flawless(
            [
                f"at {slice_['percent']:g} % the new version answered {slice_['new']} of {slice_['requests']} requests"
                for slice_ in found["slices"]
                if is_too_few(slice_["new"], slice_["requests"], min(slice_["percent"] / 100, _NEARLY_ALL))
            ]
        )


@check("drills.blue_green.switches", severity="critical", covers=["G5"], permission="disruptive")
def test_blue_green_switches(blue_green_drill: Drilled) -> None:
    """After the switch every answer is of the other colour, and after the switch back of the first."""
    blue_green_drill.expect_performed()
    times = (blue_green_drill.found["switch_s"], blue_green_drill.found["switch_back_s"])
    assert None not in times, f"seconds until every answer was of the other colour, and back: {times}"


@check("drills.blue_green.lossless", severity="critical", covers=["G5", "G3"], permission="disruptive")
def test_blue_green_lossless(blue_green_drill: Drilled) -> None:
    """While the service is switched, forth and back, no request is lost."""
    blue_green_drill.expect_performed()
    lost = blue_green_drill.report["lost"]
    assert not lost, f"{lost} requests were lost: {'; '.join(blue_green_drill.report['failures'])}"


@check("drills.autoscaling.follows", severity="major", covers=["G11"], permission="disruptive")
def test_autoscaling_follows(autoscaling_drill: Drilled) -> None:
    """Under load replicas are added in time, and taken away in time when it ends."""
    autoscaling_drill.expect_performed()
    found, declared = autoscaling_drill.found, autoscaling_drill.declared
    if found["up_s"] is None and found["unsent"] > _MOST_UNSENT * found["asked"]:
        raise InconclusiveError(f"{found['unsent']} of {found['asked']} requests could not be sent: that is no load")
    assert found["up_s"] is not None, f"no replica was added within {declared.up_s:g} s: {found['replicas']}"
    assert found["down_s"] is not None, f"they were not taken away within {declared.down_s:g} s: {found['replicas']}"


@check("drills.autoscaling.bounds", severity="major", covers=["G11"], permission="disruptive")
def test_autoscaling_bounds(autoscaling_drill: Drilled) -> None:
    """At no time are there fewer or more replicas than the autoscaler's bounds."""
    autoscaling_drill.expect_performed()
    found = autoscaling_drill.found
    outside = [number for number in found["replicas"] if not found["least"] <= number <= found["most"]]
    assert not outside, f"there were {outside} replicas, the bounds are {found['least']} and {found['most']}"
