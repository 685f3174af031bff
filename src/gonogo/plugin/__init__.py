"""The pytest plugin: options, stages, markers, locks, evidence, verdict, exit code.

Suites import `check`, `settle` and `expect_none` from here; fixtures import `gate_of`. Forbidden here: looking at a
deployment (probes do that) and judging it (checks and `gonogo.verdict` do that).
"""

from gonogo.plugin.checks import check, expect_none, settle
from gonogo.plugin.gate import Gate, gate_of

__all__ = ["Gate", "check", "expect_none", "gate_of", "settle"]
