"""The pytest plugin: options, stages, markers, locks, evidence, verdict, exit code.

Suites import `check` and `settle` from here; fixtures import `gate_of`. Forbidden here: looking at a deployment (probes
do that) and judging it (checks and `gonogo.verdict` do that).
"""

from gonogo.plugin.checks import check, settle
from gonogo.plugin.gate import Gate, gate_of

__all__ = ["Gate", "check", "gate_of", "settle"]
