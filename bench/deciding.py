"""How soon is a load run decided, and how often wrongly? ``uv run python -m bench.deciding``: a simulation, no server.

A run of a fixed length looks once, at its end, and takes its attempts for independent (the exact interval of Clopper
and Pearson): what most tools do. gonogo looks on the way, over blocks (`gonogo.loadtest.blocks`), and ends where it
knows. Both get the same series: independent, autocorrelated, and in bursts; a share of bad attempts beyond the allowed
one must not be passed, one below it not be failed.
"""

import statistics
import sys
from collections import Counter

import numpy as np

from bench.figures import row
from gonogo.loadtest.arrays import Series
from gonogo.model import Outcome
from gonogo.objectives import Band, decide_share
from tests.loadtest.test_blocks import BOUND_MS, LEVEL, Make, autocorrelated, bursty, independent, looks

TOTAL, LIMIT, RUNS = 6000, 0.05, 300
"""Attempts of a whole run, the allowed share, and runs of each kind."""
SERIES: dict[str, Make] = {
    "independent": independent,
    "AR(1), 0.9": autocorrelated(0.9),
    "AR(1), 0.99": autocorrelated(0.99),
    "bursts of 10": bursty(10),
}
SHARES = (0.0, LIMIT / 5, LIMIT / 2, LIMIT / 1.2, LIMIT * 1.2, LIMIT * 2, LIMIT * 4)


def sequential(values: Series) -> tuple[int, Outcome]:
    """After how many attempts the first decision on the way is there, and which; the whole run where there is none."""
    decided = (look for look in looks(values, LIMIT) if look[1] in {Outcome.PASS, Outcome.FAIL})
    return next(decided, (len(values), Outcome.INCONCLUSIVE))


def main() -> None:
    """Print a table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    row(
        "series, share of bad attempts", "on the way: pass, fail; median attempts", "fixed length: pass, fail; attempts"
    )
    row("---", "---", "---")
    for name, make in SERIES.items():
        for share in SHARES:
            numbers = np.random.default_rng(17)
            looked, fixed, lengths = Counter[Outcome](), Counter[Outcome](), []
            for _ in range(runs):
                values = make(numbers, TOTAL, max(share, 1e-9))
                length, outcome = sequential(values)
                looked[outcome] += 1
                lengths.append(length)
                bad = int((values > BOUND_MS).sum())
                fixed[decide_share(bad, TOTAL, Band(LIMIT, LIMIT), LEVEL).outcome] += 1
            on_the_way = f"{looked[Outcome.PASS] / runs:.1%}, {looked[Outcome.FAIL] / runs:.1%}"
            at_the_end = f"{fixed[Outcome.PASS] / runs:.1%}, {fixed[Outcome.FAIL] / runs:.1%}; {TOTAL}"
            row(
                f"{name}, {share:.1%} (allowed {LIMIT:.0%})",
                f"{on_the_way}; {statistics.median(lengths):.0f}",
                at_the_end,
            )


if __name__ == "__main__":
    main()
