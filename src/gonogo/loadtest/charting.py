"""A load run as a report draws it: a row every few seconds, a curve of quantiles for each latency, the bounds."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hdrh.histogram import HdrHistogram

from gonogo.loadtest.record import LoadRecord
from gonogo.loadtest.run import summary
from gonogo.targets.load import LoadObjective

MOST_ROWS = 240
"""More than a picture a thousand pixels wide can show."""
CURVES = ("latency_ms", "ttft_ms", "gap_ms")
_COUNTS = ("good", "failed", "tokens")
_QUANTILES = [q / 100 for q in range(0, 100, 5)] + [0.96, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999]

_Row = Mapping[str, float]


def charted(record: LoadRecord, objectives: Iterable[LoadObjective]) -> dict[str, Any]:
    """The run's figures with all that its pictures need, as plain JSON.

    ``rows`` have rates a second; their latencies are those of the worst second, since quantiles cannot be averaged.
    ``curves`` are pairs of quantile and milliseconds. ``bounds`` are the objectives' bounds, by metric.
    """
    curves = {name: _curve(text) for name, text in record.histograms.items() if name in CURVES}
    bounds: dict[str, list[dict[str, Any]]] = {}
    for objective in objectives:
        told = {"name": objective.name, "quantile": objective.quantile}
        told |= {"warn": _finite(objective.band.warn), "fail": _finite(objective.band.fail)}
        bounds.setdefault(objective.metric, []).append(told)
    return {**summary(record), "rows": _rows(record.series), "curves": curves, "bounds": bounds}


def _rows(series: Sequence[_Row]) -> list[dict[str, float]]:
    width = max(1, math.ceil(len(series) / MOST_ROWS))
    return [_row(series[start : start + width]) for start in range(0, len(series), width)]


def _row(seconds: Sequence[_Row]) -> dict[str, float]:
    rates = {f"{name}_per_s": round(sum(row.get(name, 0) for row in seconds) / len(seconds), 3) for name in _COUNTS}
    worst = {
        name: max(row[name] for row in seconds if name in row)
        for name in dict.fromkeys(name for row in seconds for name in row)
        if name.partition(".")[0] in CURVES
    }
    return {"second": seconds[0]["second"], **rates, **worst}


def _curve(text: str) -> list[tuple[float, float]]:
    """Quantiles as far as there are samples for them."""
    histogram = HdrHistogram.decode(text)
    total = histogram.get_total_count()
    if not total:
        return []
    told = [(q, histogram.get_value_at_percentile(q * 100) / 1000) for q in _QUANTILES if (1 - q) * total >= 1]
    return [*told, (1 - 1 / (total + 1), histogram.get_max_value() / 1000)]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
