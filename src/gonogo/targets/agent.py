"""The section ``agent`` of a target: an orchestrator with tools, a policy with approvals, and an audit log."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gonogo.targets.secrets import Secret

RISKS = ("R0", "R1", "R2", "R3")
"""Row T2: R0 reads; R1 changes little, and can be taken back; R2 is noticed by users; R3 cannot be taken back."""
READS = "R0"
NEED_APPROVAL = ("R2", "R3")
NONCE = "{nonce}"
"""In the words of an action: replaced by letters and digits that no action had before."""


@dataclass(frozen=True)
class Action:
    """Something that the agent is asked to do."""

    tool: str
    arguments: tuple[str, ...]

    def with_nonce(self, nonce: str) -> "Action":
        """The same, marked."""
        return Action(self.tool, tuple(word.replace(NONCE, nonce) for word in self.arguments))

    def __str__(self) -> str:
        return " ".join((self.tool, *self.arguments))


@dataclass(frozen=True)
class AgentTool:
    """A tool in read-only mode."""

    name: str
    read: Action
    """It must work, and say something."""
    writes: tuple[Action, ...]
    """It must refuse each of them, approved or not. They are so chosen that one that succeeds does no harm."""
    witness: Action
    """Says the same as long as nothing was written."""


@dataclass(frozen=True)
class AgentPaths:
    """Where the parts of the agent's interface are (docs/agent.md)."""

    health: str = "/health"
    actions: str = "/v1/actions"
    approvals: str = "/v1/approvals"
    audit: str = "/v1/audit"


@dataclass(frozen=True)
class Agent:
    """An orchestrator whose tools, policy and audit log are verified."""

    url: str
    key: Secret
    """Of the caller in whose name the gate asks for actions."""
    actor: str = ""
    """How the audit log calls that caller; empty: not verified."""
    approver_key: Secret | None = None
    """Of somebody who may approve what that caller asks for."""
    other_key: Secret | None = None
    """Of another caller, who may ask for actions and approve nothing."""
    paths: AgentPaths = AgentPaths()
    tools: tuple[AgentTool, ...] = ()
    actions: Mapping[str, Action] = field(default_factory=dict)
    """By risk (`RISKS`), an action that may be done here at any time; those of R2 and R3 with an approval."""
    ttl_s: float = 2.0
    """So short a life is asked for an approval that is to expire while a check waits."""
    expires_within_s: float = 15.0
    """An approval that lives longer than this, although a shorter life was asked for, is not waited for."""
    audited_within_s: float = 5.0
    """Within this an action must be found in the audit log."""
    audit_records: int = 5000
    """So many of the latest records are verified."""
    most_pending: int = 100
    """In the approval queue."""
    oldest_s: float = 3600.0
    """So long the oldest approval may have waited."""
    most_backlog: int = 1000
    """Records that wait for ingestion."""
    control_url: str | None = None
    timeout_s: float = 30.0
