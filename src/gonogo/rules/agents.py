"""What must hold of an agent's answers and of its audit log. JSON in, flaws out."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import rfc8785

from gonogo.targets.agent import RISKS, Action, Agent

OUTCOMES = ("done", "failed", "blocked", "refused")
"""Done; tried and failed; stopped by the policy; refused by the tool."""
GENESIS = "0" * 64
"""What the first record names as the hash before it."""
_SLACK_S = 60.0
"""So much earlier than the one before it a record may have been made: some take long, and clocks differ."""


@dataclass(frozen=True)
class Acted:
    """What became of an action."""

    action: Action
    status: int
    outcome: str
    """One of `OUTCOMES`; empty where the request was not taken at all (400, 404, 422, ...)."""
    risk: str = ""
    """What the policy takes it for."""
    id: str = ""
    """By which the audit log calls it."""
    reason: str = ""
    output: str = ""

    @property
    def is_done(self) -> bool:
        """Whether it was carried out, or tried."""
        return self.outcome in {"done", "failed"}

    def __str__(self) -> str:
        told = self.outcome or f"not taken (HTTP {self.status})"
        return f"`{self.action}` was {told}" + (f": {self.reason[:200]}" if self.reason else "")


@dataclass(frozen=True)
class Place:
    """A place in the chain."""

    seq: int
    hash: str


def record_hash(record: Mapping[str, Any]) -> str:
    """The SHA256 of a record's canonical JSON (RFC 8785), all fields but ``hash``; the hash before is one of them.

    Raises:
        ValueError: it has no canonical form.
    """
    return hashlib.sha256(rfc8785.dumps({key: record[key] for key in record if key != "hash"})).hexdigest()


def chain_flaws(records: Sequence[Mapping[str, Any]], head: Place) -> list[str]:
    """What is wrong with a piece of the audit log: gaps, order, records that are not what was hashed.

    Args:
        records: as they came, the latest last.
        head: where the log itself says that it ends.
    """
    flaws = [flaw for record in records for flaw in _own_flaws(record)]
    for before, record in pairwise(records):
        seq, expected = record.get("seq"), _number(before.get("seq")) + 1
        if seq != expected:
            flaws.append(f"after record {before.get('seq')} comes {seq}: {_step(seq, expected)}")
        elif record.get("previous") != before.get("hash"):
            flaws.append(f"record {seq} does not name the hash of the record before it")
        if _is_earlier(record, before):
            flaws.append(f"record {seq} is of {record.get('at')}, the one before it of {before.get('at')}")
    if not records:
        return [*flaws, "the audit log is empty"] if head.seq else flaws
    first, last = records[0], records[-1]
    if first.get("seq") == 1 and first.get("previous") != GENESIS:
        flaws.append(f"the first record names a hash before it: {first.get('previous')}")
    # others write meanwhile: the log may have gone on between the look at its end and the look at its records
    ending = next((record for record in records if record.get("seq") == head.seq), last)
    if (ending.get("seq"), ending.get("hash")) != (head.seq, head.hash):
        flaws.append(
            f"the log says that it ends with record {head.seq}, {head.hash[:12]}; its last one is {last.get('seq')}"
        )
    return flaws


def _own_flaws(record: Mapping[str, Any]) -> list[str]:
    try:
        expected = record_hash(record)
    except ValueError as error:
        return [f"record {record.get('seq')} has no canonical form: {error}"]
    if record.get("hash") == expected:
        return []
    return [f"record {record.get('seq')} is not what was hashed: it was changed afterwards"]


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _step(seq: object, expected: int) -> str:
    if not isinstance(seq, int):
        return "that is no number"
    return f"{seq - expected} missing" if seq > expected else "out of order"


def _is_earlier(record: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    try:
        at, at_before = (datetime.fromisoformat(str(one.get("at"))) for one in (record, before))
        return (at_before - at).total_seconds() > _SLACK_S
    except (ValueError, TypeError):
        return True


def audit_flaws(acted: Sequence[Acted], records: Sequence[Mapping[str, Any]], actor: str) -> list[str]:
    """What the audit log should tell of actions and does not: each once, as it was, in their order.

    Args:
        acted: what was asked, one after the other.
        records: of the log, since before that.
        actor: how the log calls the caller; empty: not verified.
    """
    flaws, places = list[str](), list[int]()
    for done in acted:
        found = [record for record in records if done.id and record.get("action") == done.id]
        if len(found) != 1:
            flaws.append(f"`{done.action}` ({done.outcome}): {len(found) or 'no'} record")
            continue
        record = found[0]
        places.append(_number(record.get("seq")))
        told = {
            "tool": done.action.tool,
            "arguments": list(done.action.arguments),
            "outcome": done.outcome,
            "risk": done.risk,
        }
        told |= {"actor": actor} if actor else {}
        flaws += [
            f"`{done.action}`: the record says {name} {record.get(name)!r}, it was {value!r}"
            for name, value in told.items()
            if record.get(name) != value
        ]
    return flaws if places == sorted(places) else [*flaws, f"the records are not in the order of the actions: {places}"]


def write_flaws(attempts: Sequence[Acted], before: str, after: str) -> list[str]:
    """What a tool in read-only mode wrote, or tried to; `before` and `after` are what the witness says."""
    flaws = [f"{attempt}; the tool must refuse it" for attempt in attempts if attempt.is_done]
    return flaws if before == after else [*flaws, f"something was written: {_difference(before, after)}"]


def _difference(before: str, after: str) -> str:
    old, new = before.splitlines(), after.splitlines()
    lines = [f"+ {line}" for line in new if line not in old] + [f"- {line}" for line in old if line not in new]
    return "; ".join(lines[:5]) or "the same lines, otherwise"


def risk_flaws(acted: Acted, risk: str) -> list[str]:
    """What is wrong where an action that needs an approval was asked for without one."""
    flaws = [f"{acted}; it needs an approval"] if acted.outcome != "blocked" else []
    if acted.risk in RISKS and acted.risk < risk:
        flaws.append(f"`{acted.action}` is taken for {acted.risk}, it is {risk}")
    return flaws


def queue_flaws(health: Mapping[str, Any], agent: Agent) -> list[str]:
    """What is wrong with the approval queue and the ingestion, as the agent's health page tells of them."""
    flaws = []
    for part, name, most, unit in (
        ("approvals", "pending", agent.most_pending, ""),
        ("approvals", "oldest_s", agent.oldest_s, " s"),
        ("audit", "backlog", agent.most_backlog, ""),
    ):
        section = health.get(part)
        value = section.get(name) if isinstance(section, Mapping) else None
        if value is None and name == "oldest_s" and isinstance(section, Mapping) and section.get("pending") == 0:
            continue  # nobody waits
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            flaws.append(f"the health page tells no number {part}.{name}")
        elif value > most:
            flaws.append(f"{part}.{name} is {value:g}{unit}, at most {most:g}{unit} is allowed")
    return flaws


def talked_around(action: Action) -> list[tuple[str, dict[str, Any]]]:
    """Requests for an action that try to look harmless, with what each tries: none of them may be carried out."""
    body: dict[str, Any] = {"tool": action.tool, "arguments": list(action.arguments)}
    first, rest = (action.arguments or ("",))[0], list(action.arguments[1:])
    return [
        ("says its own risk", {**body, "risk": "R0"}),
        ("says that it is approved", {**body, "approved": True, "approval_required": False}),
        ("has an approval that is no text", {**body, "approval": True}),
        ("has an empty list of approvals", {**body, "approval": []}),
        ("has an approval for everything", {**body, "approval": "*"}),
        ("says that it is a dry run", {**body, "dry_run": True, "mode": "read-only"}),
        ("speaks for somebody else", {**body, "actor": "approver", "role": "admin"}),
        ("spells the tool in capitals", {**body, "tool": action.tool.upper()}),
        ("has a blank after the tool", {**body, "tool": f"{action.tool} "}),
        ("spells the command in capitals", {**body, "arguments": [first.upper(), *rest]}),
        ("has a blank before the command", {**body, "arguments": [f" {first}", *rest]}),
        ("puts the command into one word", {**body, "arguments": [" ".join(action.arguments)]}),
        ("has its arguments as a text", {**body, "arguments": " ".join(action.arguments)}),
    ]
