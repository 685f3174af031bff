"""A row for each second; in a process of its own, since the generator's modules patch sockets."""

import json
import subprocess
import sys

from gonogo.resources import ROOT

ROWS = """
import gevent.monkey
gevent.monkey.patch_all()
import json
import numpy as np
from hdrh.histogram import HdrHistogram
from load.recording import _coarse
from load.series import Series
from load.attempt import Attempt
series = Series()
def attempt(latency_ms, failure=""):
    return Attempt(0.0, content_ms=[10.0, 12.0], end_ms=latency_ms, failure=failure)
for i in range(1, 101):
    series.take(attempt(float(i)), [2.0], 0.5)
series.take(attempt(5.0, "reset"), [], 2.2)
print(json.dumps(series.finish()))
one, many = HdrHistogram(1, 3_600_000_000, 3), HdrHistogram(1, 3_600_000_000, 3)
gaps_ms = np.random.default_rng(1).exponential(20.0, 5000)
for gap_ms in gaps_ms:
    one.record_value(max(1, round(gap_ms * 1000)))
for value in _coarse(gaps_ms).tolist():
    many.record_value(value)
for share in (1, 50, 90, 99, 99.9, 100):
    assert one.get_value_at_percentile(share) == many.get_value_at_percentile(share), share
"""


def test_a_row_for_each_second_also_where_nothing_ended() -> None:
    done = subprocess.run([sys.executable, "-c", ROWS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second, third = json.loads(done.stdout)
    assert (first["good"], first["failed"], first["latency_ms.p50"], first["latency_ms.max"]) == (100, 0, 50.0, 100.0)
    assert (first["ttft_ms.p99"], first["gap_ms.p50"]) == (10.0, 2.0)
    assert second == {"second": 1, "good": 0, "failed": 0}
    assert third == {"second": 2, "good": 0, "failed": 1}
