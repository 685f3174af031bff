"""The section ``load`` of a target: what is asked under load, and what must hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gonogo.objectives import Band


@dataclass(frozen=True)
class LoadObjective:
    """One load objective: a figure of the run within a band.

    What a figure is about decides how it is judged: shares of attempts (quantiles, errors, goodput) over blocks of
    attempts, at any time; rates over batches of seconds, at the end; the cold start as the one value that it is.
    """

    metric: str
    """As in the target file: docs/load.md says what each means."""
    band: Band
    quantile: float | None = None
    """Of `latency_ms`, `ttft_ms`, `gap_ms` and `stream_tokens_per_s`."""
    within: Mapping[str, float] = field(default_factory=dict)
    """Of `goodput`: the limits (by metric, in its unit) that a good attempt holds, all of them."""
    for_s: float = 0.0
    """Where it is not 0: no stretch of so many seconds may be over the failing bound, however good the whole is."""
    aborts: bool = False
    """The run ends as soon as this has failed."""
    excludes_failures: bool = False
    """Failed attempts do not count here: an objective on errors carries them."""

    @property
    def name(self) -> str:
        """For instance ``latency_ms.p95``."""
        return f"{self.metric}.p{self.quantile * 100:g}" if self.quantile is not None else self.metric

    @property
    def unit(self) -> str:
        """Of its quantiles."""
        return "ms" if self.metric.endswith("_ms") else "tokens/s"

    @property
    def is_share(self) -> bool:
        """It is judged by the share of bad attempts."""
        return self.quantile is not None or self.metric in {"errors", "goodput"}

    @property
    def limits(self) -> tuple[float, float]:
        """The shares of bad attempts that pass, and that do not fail."""
        if self.quantile is not None:
            limit = 1 - self.quantile if self.band.above else self.quantile
            return limit, limit
        if self.band.above:
            return self.band.warn, self.band.fail
        return 1 - self.band.warn, 1 - self.band.fail


@dataclass(frozen=True)
class Prices:
    """What tokens cost."""

    input_per_million: float
    output_per_million: float


@dataclass(frozen=True)
class Baseline:
    """A run that was kept, and how much slower than it this one may be."""

    record: Path
    ratios: tuple[LoadObjective, ...]
    """Quantiles of `latency_ms` and `ttft_ms`; their bands are over the ratio run / baseline."""


@dataclass(frozen=True)
class Load:
    """What a load run asks and what it must hold."""

    profile: Path
    model: str
    objectives: tuple[LoadObjective, ...]
    prices: Prices | None = None
    baseline: Baseline | None = None
    gateway_overhead_ms: Band | None = None
    """Of the median that the gateway adds to the time to the first token."""
    most_cost: float | None = None
    """A run that has cost more ends, undecided; in the currency of the prices."""
