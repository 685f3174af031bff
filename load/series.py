"""The course of a run: one row for each second, so that what happened when can be seen."""

import math
from array import array
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from load.attempt import Attempt

QUANTILES = (0.5, 0.95, 0.99)
Values = NDArray[np.float64]


class Series:
    """Attempts in, a row a second out; a second's values are forgotten once its row is made."""

    def __init__(self, take_gaps: Callable[[Values], None] = lambda _: None) -> None:
        """`take_gaps` gets all gaps of a second at once: there are fifty times as many as attempts."""
        self.rows: list[dict[str, float]] = []
        self._take_gaps = take_gaps
        self._second = 0
        self._clear()

    def take(self, attempt: Attempt, gaps_ms: Sequence[float], at_s: float, *, warm_up: bool = False) -> None:
        """An attempt has ended, so many seconds after the start."""
        self.roll(at_s)
        # a stream that broke off had its gaps all the same
        self._gaps[warm_up].extend(gaps_ms)
        if attempt.failure:
            self._failed += 1
            return
        self._latencies.append(attempt.latency_ms)
        self._ttfts.append(attempt.ttft_ms)

    def roll(self, at_s: float) -> None:
        """Time has gone on: make the rows of the seconds that are over."""
        while self._second < math.floor(at_s):
            self._close()

    def finish(self) -> list[dict[str, float]]:
        """Every row, the second that is not over yet included."""
        self._close()
        return self.rows

    def _close(self) -> None:
        row: dict[str, float] = {"second": self._second, "good": len(self._latencies), "failed": self._failed}
        judged, warm_up = (np.asarray(gaps) for gaps in (self._gaps[False], self._gaps[True]))
        self._take_gaps(judged)
        every = {"latency_ms": np.asarray(self._latencies), "ttft_ms": np.asarray(self._ttfts),
                 "gap_ms": np.concatenate([judged, warm_up])}  # fmt: skip
        for metric, values in every.items():
            if len(values):
                found = np.quantile(values, QUANTILES, method="inverted_cdf")
                row |= {f"{metric}.p{q * 100:g}": round(float(v), 3) for q, v in zip(QUANTILES, found, strict=True)}
                row[f"{metric}.max"] = round(float(values.max()), 3)
        self.rows.append(row)
        self._second += 1
        self._clear()

    def _clear(self) -> None:
        self._failed = 0
        self._latencies, self._ttfts = array("d"), array("d")
        self._gaps = {False: array("d"), True: array("d")}
