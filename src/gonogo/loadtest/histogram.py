"""Histograms of durations that lose nothing when they are merged: HDR histograms, filled by the array."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from hdrh.histogram import HdrHistogram

from gonogo.loadtest.arrays import Series, Whole

# Microseconds from 1 µs to 1 h with 3 significant digits.
_LOWEST_US, _HIGHEST_US, _DIGITS = 1, 3_600_000_000, 3
_STEPS_BITS = 11
"""2048 steps to the first power of two, then 1024 to each: what three digits need (HdrHistogram's own layout)."""
_HALF = 1 << (_STEPS_BITS - 1)
_SIZE = (_HIGHEST_US.bit_length() - _STEPS_BITS + 2) * _HALF
PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9)


@dataclass(frozen=True, eq=False)
class Counted:
    """Values that a histogram cannot tell apart, and how many of each."""

    values_us: Whole
    counts: Whole

    @property
    def total(self) -> int:
        """How many values."""
        return int(self.counts.sum())

    def quantile_ms(self, share: float) -> float:
        """The smallest value that so many are not above; not a number where there are none."""
        if not len(self.counts):
            return float("nan")
        reached = int(np.searchsorted(np.cumsum(self.counts), share * self.total))
        return float(self.values_us[min(reached, len(self.counts) - 1)]) / 1000


def counted(values_ms: Series) -> Counted:
    """Count values, as finely as the histogram keeps them; NaN, what was not measured, is left out."""
    micros = np.clip(np.rint(values_ms[~np.isnan(values_ms)] * 1000), _LOWEST_US, _HIGHEST_US).astype(np.int64)
    shift = _shift_of(micros)
    values, counts = np.unique(np.left_shift(np.right_shift(micros, shift), shift), return_counts=True)
    return Counted(values, counts.astype(np.int64))


def merged(parts: Sequence[Counted]) -> Counted:
    """Several counts as one."""
    if not parts:
        return counted(np.zeros(0))
    values, places = np.unique(np.concatenate([part.values_us for part in parts]), return_inverse=True)
    counts = np.bincount(places, weights=np.concatenate([part.counts for part in parts]), minlength=len(values))
    return Counted(values, counts.astype(np.int64))


def _shift_of(micros: Whole) -> Whole:
    # exact up to 2**53, far beyond an hour
    return np.maximum(0, np.frexp(micros.astype(np.float64))[1].astype(np.int64) - _STEPS_BITS)


@dataclass(eq=False)
class Histogram:
    """Counts by HdrHistogram's steps."""

    _counts: Whole = field(default_factory=lambda: np.zeros(_SIZE, dtype=np.int64))

    def add(self, values: Counted) -> None:
        """Add counted values: the order in which parts are added, and by whom they were counted, does not matter."""
        shift = _shift_of(values.values_us)
        np.add.at(self._counts, shift * _HALF + np.right_shift(values.values_us, shift), values.counts)

    def as_hdr(self) -> HdrHistogram:
        """The same as HdrHistogram keeps it."""
        found = HdrHistogram(_LOWEST_US, _HIGHEST_US, _DIGITS)
        for place in np.flatnonzero(self._counts).tolist():
            shift = max(0, place // _HALF - 1)
            found.record_value((place - shift * _HALF) << shift, int(self._counts[place]))
        return found


def percentiles_ms(histogram: HdrHistogram) -> dict[str, float]:
    """The usual percentiles and the maximum; none of nothing."""
    if not histogram.get_total_count():
        return {}
    values = {f"p{p:g}": histogram.get_value_at_percentile(p) / 1000 for p in PERCENTILES}
    return {**values, "max": histogram.get_max_value() / 1000}
