"""The pytest plugin: options, stages, markers, locks, evidence, verdict, exit code.

Suites import `check` from here, and what ends one: `settle`, `expect_none`, `expect_flawless`, `expect_kept`; fixtures
import `gate_of`. Forbidden here: looking at a deployment (probes do that) and judging it (checks and `gonogo.verdict`
do that).
"""

from gonogo.plugin.checks import check, expect_flawless, expect_kept, expect_none, settle
from gonogo.plugin.gate import Gate, gate_of

__all__ = ["Gate", "check", "expect_flawless", "expect_kept", "expect_none", "gate_of", "settle"]
