"""The nouns of the gate, as frozen dataclasses.

What is judged (`CheckResult`, `Verdict`) and what was seen (`Observation`); a target's nouns are in
`gonogo.targets.model`.

Forbidden here: I/O of any kind.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

SUITES = (
    "artifacts",
    "config",
    "contract",
    "routing",
    "output",
    "cluster",
    "monitoring",
    "security",
    "agent",
    "load",
    "drills",
)
"""Every suite, in the order in which they run: cheap and gentle first, disruptive last."""


class Outcome(StrEnum):
    """What a check found (docs/verdict.md)."""

    PASS = "pass"  # noqa: S105
    WARN = "warn"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    SKIP = "skip"


WORST_FIRST = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.WARN, Outcome.SKIP, Outcome.PASS)
"""Of several outcomes of one thing the first of these is the thing's; so they are listed as well."""


class Severity(StrEnum):
    """How much a failed check weighs: critical and major block a promotion, minor is a caveat."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"


class Permission(StrEnum):
    """What a check does to the deployment: read files, send read-only traffic, or break something and put it back."""

    STATIC = "static"
    LIVE = "live"
    DISRUPTIVE = "disruptive"


class SkipKind(StrEnum):
    """Why a check was skipped."""

    NOT_DECLARED = "not-declared"
    NOT_PERMITTED = "not-permitted"
    NOT_SELECTED = "not-selected"
    """Left out on the command line (-k, -m, --deselect, a node id)."""
    UNSUPPORTED = "unsupported"
    """The run is too short to decide it."""
    OTHER = "other"


class Decision(StrEnum):
    """The verdict's word."""

    GO = "GO"
    GO_WITH_CAVEATS = "GO WITH CAVEATS"
    NO_GO = "NO-GO"
    HOLD = "HOLD"


EXIT_NO_GO, EXIT_HOLD = 1, 6
"""Exit codes of a process that ends with such a decision, 0 for the others; pytest's own are 2 to 5."""
GOES = frozenset({Decision.GO, Decision.GO_WITH_CAVEATS})
"""With these the deployment may be promoted; their words in a report are among them, too."""


@dataclass(frozen=True)
class Observation:
    """What a probe saw, secrets redacted: recorded before the probe returns, so that a bare assertion loses nothing."""

    probe: str
    """Which probe looked: http, chat, redis, file, ..."""
    subject: str
    """What it looked at: a method and URL, a file, a model."""
    duration_ms: float
    request: Mapping[str, Any] = field(default_factory=dict)
    answer: Mapping[str, Any] = field(default_factory=dict)
    repeat: str = ""
    """A command line that repeats the look, with secrets as environment references."""


@dataclass(frozen=True)
class CheckInfo:
    """What is known of a check before it runs."""

    check_id: str
    """``suite.subject.property``."""
    title: str
    """The docstring's first line: the runbook's line."""
    severity: Severity
    permission: Permission
    covers: tuple[str, ...]
    """Rows of the runbook (`fixtures/rows.yaml`)."""
    smoke: bool
    """Belongs to the short stages."""
    exclusive: bool = False
    """Must have the target for itself (disruptive or sensitive to latency)."""
    watch: bool = False
    """About a deployment that is watched for a day or two: of the stage ``watch`` only."""

    @property
    def suite(self) -> str:
        """The first part of the id."""
        return self.check_id.partition(".")[0]


@dataclass(frozen=True)
class CheckResult:
    """One check's outcome on one instance (a provider, a model, an objective), with its evidence."""

    info: CheckInfo
    node_id: str
    """pytest's node id; the name that stays the same wherever it is called from is `name`."""
    outcome: Outcome
    instance: str = ""
    reason: str = ""
    skip_kind: SkipKind | None = None
    duration_ms: float = 0.0
    evidence: tuple[Mapping[str, Any], ...] = ()
    """Observations as plain JSON."""
    findings: tuple[Mapping[str, Any], ...] = ()
    """The places in files that a rule complained about: file, line, column, path, message, warning."""
    waived_by: str = ""
    """Owner, reason and expiry of the waiver that turned this fail into a caveat."""
    started_s: float | None = None
    """Seconds since the epoch; None for a check that never began."""
    also_wrong: bool = False
    """Another of its phases went wrong as well (something could not be put back), as the reason's second line says."""

    @property
    def name(self) -> str:
        """The check id with its instance."""
        return f"{self.info.check_id}[{self.instance}]" if self.instance else self.info.check_id


@dataclass(frozen=True)
class Waiver:
    """A known fail that is accepted until a date."""

    check_id: str
    reason: str
    owner: str
    expires: date


@dataclass(frozen=True)
class Judgement:
    """The decision and why."""

    decision: Decision
    reasons: tuple[str, ...]
    caveats: tuple[str, ...]
    results: tuple[CheckResult, ...]
    """The results, waivers applied, sorted by node id."""


@dataclass(frozen=True)
class Binding:
    """What a verdict was about: it is a verdict for nothing else."""

    target_name: str
    environment: str
    target_digest: str
    """SHA256 of the target file's bytes."""
    endpoints_digest: str
    """SHA256 over the resolved addresses: the same file with other variables is another target."""
    gateway_config_digest: str | None
    model_digests: Mapping[str, str]
    """SHA256 of every registered production model file, by name."""
    git_commit: str | None
    """Commit of the checkout that the target file is in."""
    suite_version: str


@dataclass(frozen=True)
class Verdict:
    """The gate's one answer."""

    run_id: str
    stage: str
    demo: bool
    judgement: Judgement
    binding: Binding
    started: datetime
    finished: datetime
    valid_until: datetime
    change_id: str = ""
    interrupted: str = ""
    """Why the run ended before its end; empty if it did not."""
    fault: str = ""
    """The fault that was switched on on purpose: such a verdict can promote nothing."""
    budget: Mapping[str, Any] = field(default_factory=dict)
    escalation: Mapping[str, str] = field(default_factory=dict)
    load: Mapping[str, Any] | None = None
    """The load run's figures as a report draws them (`gonogo.loadtest.charting`); None where none was held."""
    command: str = "pytest"
    """What repeats this run, in the folder where it was called."""
    before: tuple[Mapping[str, Any], ...] = ()
    """The runs before it of the same stage on the same target, the newest first (`gonogo.reporting.history`)."""

    @property
    def decision(self) -> Decision:
        """The verdict's word."""
        return self.judgement.decision

    def rerun(self, result: CheckResult) -> str:
        """What repeats one check of this run."""
        return f"{self.command} --check {shlex.quote(result.name)}"
