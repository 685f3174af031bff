"""Is everything that the agent does on record, and does the record stay? And does the approval queue move?"""

from collections.abc import Mapping, Sequence
from typing import Any

from gonogo.fixtures.agent import Anchor, Audited, anchor_file
from gonogo.plugin import check, expect_flawless
from gonogo.plugin.gate import Gate
from gonogo.probes.agent import AgentProbe
from gonogo.redaction import Redactor
from gonogo.rules.agents import Place, audit_flaws, chain_flaws, queue_flaws
from gonogo.rules.secrets import secrets_told
from gonogo.targets.agent import Action


@check("agent.audit.complete", severity="critical", covers=["T3"], smoke=True)
def test_audit_complete(audited: Audited, agent: AgentProbe) -> None:
    """Every action, blocked ones too, has one record within the bound: who, what, how risky, what became of it."""
    expect_flawless(audit_flaws(audited.acted, audited.records, agent.agent.actor))


@check("agent.audit.chain", severity="critical", covers=["T3"])
def test_audit_chain(latest_records: tuple[Sequence[Mapping[str, Any]], Place]) -> None:
    """The audit log is a hash chain without a gap, in order, and every record is what was hashed."""
    expect_flawless(chain_flaws(*latest_records))


@check("agent.audit.keeps", severity="critical", covers=["T3"])
def test_audit_keeps(anchors: Sequence[Anchor], gate: Gate, agent: AgentProbe) -> None:
    """What the log ended with before, in the last run and in this one, is still there."""
    expect_flawless([
        f"record {anchor.then.seq} was {anchor.then.hash[:12]}, "
        + (f"and is {anchor.now.hash[:12]} now: the log was written anew" if anchor.now.seq else "and is gone")
        + f" (if that was meant to be, remove {anchor_file(gate, agent)})"
        for anchor in anchors
        if anchor.now != anchor.then
    ])  # fmt: skip


@check("agent.audit.immutable", severity="critical", covers=["T3"])
def test_audit_immutable(erasures: Sequence[tuple[str, int]]) -> None:
    """A record can be neither deleted nor changed over the interface that shows it."""
    expect_flawless([f"{method} of a record: HTTP {status}" for method, status in erasures if status < 400])


_IDS = ("action", "approval")


@check("agent.audit.no_secret", severity="critical", covers=["T3", "S3"])
def test_audit_no_secret(latest_records: tuple[Sequence[Mapping[str, Any]], Place], gate: Gate) -> None:
    """No record holds a secret."""
    redactor = gate.redactor
    expect_flawless(secrets_told([str(_without_ids(record, redactor)) for record in latest_records[0]], redactor))


def _without_ids(record: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """A record without what the agent has called things at random: of so many names some begin like a key."""
    return {k: v for k, v in record.items() if k not in _IDS or redactor.contains_secret(str(v))}


@check("agent.queue.healthy", severity="major", covers=["T4"], smoke=True)
def test_queue_healthy(agent: AgentProbe) -> None:
    """Approvals do not wait too long, nor too many of them, and the audit log keeps up."""
    expect_flawless(queue_flaws(agent.health(), agent.agent))


@check("agent.queue.moves", severity="major", covers=["T4"])
def test_queue_moves(guarded_action: Action, agent: AgentProbe) -> None:
    """Who asks for an approval stands in the queue until it is decided, and no longer."""
    approval = agent.ask_approval(guarded_action)
    flaws = [] if agent.await_queue(approval, is_there=True) else ["a new approval is not in the queue"]
    agent.reject(approval)
    left = agent.await_queue(approval, is_there=False)
    expect_flawless(flaws if left else [*flaws, "a decided approval is still in the queue"])
