"""From the record of a load run to the decision of each objective. Pure."""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np

from gonogo.loadtest.arrays import Series
from gonogo.loadtest.blocks import Judged, attempts_needed, decide_blocks
from gonogo.loadtest.capacity import Held, Next, Trial
from gonogo.loadtest.record import Course, LoadRecord
from gonogo.model import Outcome
from gonogo.objectives import Band, Decided, exact_interval
from gonogo.targets.load import LoadObjective

FAMILY_LEVEL = 0.05
"""Error level over all objectives of a run; each gets an equal part (Bonferroni)."""
_BATCHES = 10
"""Of a rate: as many batches of seconds as usual for batch means (Law and Kelton, section 9.5)."""
_FEWEST_SECONDS = 20
_FEWEST_IN_STRETCH = 20


def decide_objective(record: LoadRecord, objective: LoadObjective, family: int) -> Decided:
    """Decide one of `family` objectives of a run.

    An invalid run is inconclusive. What the number of attempts or seconds cannot support is a skip: not verified.
    """
    if record.problem:
        return Decided(Outcome.INCONCLUSIVE, f"the load run is not valid: {record.problem}")
    level = FAMILY_LEVEL / family
    if objective.metric == "capacity_per_s":
        return _decide_capacity(record, objective.band)
    if objective.metric == "cold_start_ms":
        return _decide_cold_start(record, objective.band)
    if not objective.is_share:
        return _decide_rate(record, objective, level)
    decided, after = decide_course(record.course, objective, record.planned, level), record.decided.get(objective.name)
    if after is None:
        return Decided(decided.outcome, f"{_told(record, objective)}; {decided.text}")
    early = decide_course(record.course.first(after), objective, record.planned, level, on_the_way=True)
    # what was shown on the way stays shown; but a pass does not outlive what all attempts together show
    if early.outcome is Outcome.FAIL or decided.outcome in {Outcome.INCONCLUSIVE, Outcome.SKIP}:
        decided = early
    told = f"decided after {after} of {record.planned} requests"
    return Decided(decided.outcome, f"{_told(record, objective)}; {decided.text}; {told}")


def needs(objective: LoadObjective, family: int) -> int:
    """The attempts without a violation that decide an objective: said before the run; 0 where that is no question."""
    return attempts_needed(objective.limits[0], FAMILY_LEVEL / family) if objective.is_share else 0


def decide_course(
    course: Course, objective: LoadObjective, planned: int, level: float, *, on_the_way: bool = False
) -> Decided:
    """Decide an objective on the share of bad attempts over the attempts so far, all of which have ended.

    Args:
        course: of the attempts so far.
        objective: on a quantile, errors or goodput.
        planned: how many attempts the whole run is to have.
        level: the error level.
        on_the_way: the run goes on, and may make up for a stall; an objective that aborts it does not wait for that.
    """
    measured = ~np.isnan(course.over[objective.name][1])
    over_warn, over_fail = (side[measured] for side in course.over[objective.name])
    passing, failing = objective.limits
    # where a figure exists of some attempts only (no ttft_ms without a stream), the rest of the run brings as few
    expected = math.ceil(planned * measured.sum() / max(1, len(measured)))

    def judged(warn: Series, fail: Series, limit: float) -> Judged:
        return decide_blocks(
            warn, fail, course.latency_ms[measured], planned=expected, limit=limit, level=level,
            may_be_made_up=on_the_way and not objective.aborts,
        )  # fmt: skip

    if objective.quantile is not None:
        found = strict = judged(over_warn, over_fail, passing)
        outcome = found.outcome
    else:  # a share against its own band: each bound is a limit of its own
        found, strict = judged(over_fail, over_fail, min(failing, 1 - 1e-9)), judged(over_fail, over_fail, passing)
        outcome = found.outcome if found.outcome is not Outcome.PASS else Outcome.WARN
        outcome, found = (Outcome.PASS, strict) if strict.outcome is Outcome.PASS else (outcome, found)
    worst = _bad_stretch(course.intended_s[measured], over_fail, objective, level)
    if worst is not None:
        text = f"over {objective.for_s:g} s on end {worst:.2%} were over the limit, allowed {failing:.2%}"
        return Decided(Outcome.FAIL, text)
    bad = float(over_fail.mean()) if len(over_fail) else math.nan
    is_undecided = outcome is Outcome.INCONCLUSIVE or (strict.outcome is Outcome.INCONCLUSIVE and bad <= passing)
    text = f"{bad:.2%} over the limit, allowed {passing:.2%}, {found.told}, level {level:.3g}"
    if is_undecided and len(over_fail) < (needed := attempts_needed(passing, level)):
        return Decided(Outcome.SKIP, f"unsupported: {len(over_fail)} attempts, at least {needed} are needed")
    return Decided(outcome, f"{text}; undecided" if outcome is Outcome.INCONCLUSIVE else text)


def _bad_stretch(due_s: Series, over: Series, objective: LoadObjective, level: float) -> float | None:
    """The share of bad attempts in the worst stretch of `for_s` seconds, if it is shown to be over the failing bound.

    The worst of many stretches is bad by chance alone: each of them gets its part of the error level (Bonferroni).
    """
    if not objective.for_s or not len(over):
        return None
    starts = np.arange(len(over))
    ends, bad = np.searchsorted(due_s, due_s + objective.for_s), np.concatenate([[0.0], np.cumsum(over)])
    counts, bads = ends - starts, bad[ends] - bad[starts]
    is_whole = (due_s + objective.for_s <= due_s[-1]) & (counts >= _FEWEST_IN_STRETCH)
    if not is_whole.any():
        return None
    # the one with the most evidence: of few attempts a large share may be bad by chance
    excess = (bads - objective.limits[1] * counts) / np.sqrt(np.maximum(counts, 1))
    worst = int(np.argmax(np.where(is_whole, excess, -np.inf)))
    low, _ = exact_interval(int(bads[worst]), int(counts[worst]), 2 * level / int(is_whole.sum()))
    return float(bads[worst] / counts[worst]) if low > objective.limits[1] else None


def _told(record: LoadRecord, objective: LoadObjective) -> str:
    """What was measured, and what is wanted."""
    if objective.metric == "errors":
        kinds = ", ".join(f"{kind} {count}" for kind, count in record.failures.items()) or "none"
        return f"errors: {record.failed} of {record.attempts} attempts failed ({objective.band}); {kinds}"
    if objective.metric == "goodput":
        limits = ", ".join(f"{name} ≤ {most:g}" for name, most in objective.within.items())
        share = 1 - _seen(record.course.over[objective.name][1]) if record.attempts else math.nan
        return f"goodput = {share:.2%} within {limits} ({objective.band})"
    key = f"p{(objective.quantile or 0) * 100:g}"
    value = record.percentiles.get(objective.metric, {}).get(key, math.nan)
    return f"{objective.name} = {value:.1f} {objective.unit} ({objective.band})"


def _decide_cold_start(record: LoadRecord, band: Band) -> Decided:
    if record.cold_start_failed:
        return Decided(Outcome.FAIL, "the run's first request failed")
    if record.cold_start_ms is None:
        return Decided(Outcome.INCONCLUSIVE, "the run's first request was not streamed")
    told = f"the first token of the first request came after {record.cold_start_ms:.0f} ms ({band})"
    return Decided(band.judge(record.cold_start_ms), told)


def _decide_capacity(record: LoadRecord, band: Band) -> Decided:
    found = record.capacity
    if found is None:
        return Decided(Outcome.SKIP, f"the profile {record.profile} does not look for the breaking point")
    # only what was confirmed bounds it: what was seen for a while may have been chance
    low = found.holds_per_s if found.is_confirmed else 0.0
    high = math.inf if found.shown_to_break_per_s is None else found.shown_to_break_per_s
    return Decided(band.judge_interval(low, high), f"{found} ({band})")


def trial_of(record: LoadRecord, objectives: Sequence[LoadObjective], wanted: Next) -> Trial:
    """How a rate was borne.

    On the way what was seen is enough; the confirmation must be decided, and what is undecided there is not known.
    """
    rate_per_s, confirms = wanted.rate_per_s, wanted.is_confirmation
    if record.problem:
        return Trial(rate_per_s, Held.UNKNOWN, record.problem, confirms)
    judged = [objective for objective in objectives if objective.is_share]  # rates are what the search itself changes
    decided = {objective.name: decide_objective(record, objective, len(objectives)) for objective in judged}
    broken = [name for name, found in decided.items() if found.outcome is Outcome.FAIL]
    if broken:
        return Trial(rate_per_s, Held.NO, ", ".join(broken), confirms, is_decided=True)
    undecided = [o for o in judged if decided[o.name].outcome in {Outcome.INCONCLUSIVE, Outcome.SKIP}]
    if confirms and undecided:
        return Trial(rate_per_s, Held.UNDECIDED, "; ".join(decided[o.name].text for o in undecided), confirms)
    seen = [o.name for o in undecided if _seen(record.course.over[o.name][1]) > o.limits[1]]
    return Trial(rate_per_s, Held.NO if seen else Held.YES, ", ".join(seen), confirms, is_decided=not undecided)


def _seen(over: Series) -> float:
    measured = over[~np.isnan(over)]
    return float(measured.mean()) if len(measured) else 0.0


def _decide_rate(record: LoadRecord, objective: LoadObjective, level: float) -> Decided:
    """A rate over the seconds from the warm-up to the last arrival."""
    rows = [row for row in record.series if record.warm_up_s <= row["second"] < math.floor(record.sending_s)]
    if len(rows) < _FEWEST_SECONDS:
        return Decided(Outcome.SKIP, f"unsupported: {len(rows)} s, at least {_FEWEST_SECONDS} are needed")
    name, scale, unit = objective.metric, 1.0, "a second"
    if name == "cost_per_1000_good":
        if not record.tokens_told:
            return Decided(Outcome.INCONCLUSIVE, "the gateway did not tell the tokens of its answers (usage)")
        upper, lower, scale, unit = _of(rows, "cost"), _of(rows, "good"), 1000.0, "for a thousand good answers"
    else:
        upper, lower = _of(rows, "good" if name == "requests_per_s" else "tokens"), np.ones(len(rows))
    if lower.sum() == 0:
        return Decided(Outcome.FAIL, "no good answer at all")
    value, low, high = sums_ratio_interval(upper, lower, level)
    told = f"{name} = {value * scale:.4g} {unit}, interval {low * scale:.4g} to {high * scale:.4g} ({objective.band})"
    return Decided(objective.band.judge_interval(low * scale, high * scale), told)


def _of(rows: Sequence[Mapping[str, float]], name: str) -> Series:
    return np.asarray([row.get(name, 0.0) for row in rows])


def sums_ratio_interval(upper: Series, lower: Series, level: float) -> tuple[float, float, float]:
    """The ratio of two sums over consecutive seconds, and its interval of confidence 1 - `level`.

    Seconds depend on their neighbours, so that batches of them are taken; the interval is the jackknife's over batches
    (Tukey's pseudo-values), with Student's quantile.
    """
    size = len(upper) // _BATCHES
    tops, bottoms = (series[: size * _BATCHES].reshape(_BATCHES, size).sum(axis=1) for series in (upper, lower))
    whole = float(tops.sum() / bottoms.sum())
    rests = np.maximum(bottoms.sum() - bottoms, 1e-12)
    pseudo = _BATCHES * whole - (_BATCHES - 1) * (tops.sum() - tops) / rests
    margin = student(1 - level / 2, _BATCHES - 1) * float(pseudo.std(ddof=1)) / math.sqrt(_BATCHES)
    return whole, whole - margin, whole + margin


def student(share: float, freedom: int) -> float:
    """A quantile of Student's distribution, by Cornish-Fisher (Abramowitz and Stegun 26.7.5); within 2 % from 9 on."""
    z = NormalDist().inv_cdf(share)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom ** (i + 1) for i, term in enumerate(terms))
