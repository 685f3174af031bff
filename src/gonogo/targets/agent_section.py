"""The section ``agent`` of a target file."""

from collections.abc import Mapping
from typing import Any

from gonogo.targets.agent import NEED_APPROVAL, Action, Agent, AgentPaths, AgentTool
from gonogo.targets.secrets import Secret
from gonogo.targets.target_file import TargetFile

_AS_THEY_ARE = (
    "actor", "ttl_s", "expires_within_s", "audited_within_s", "audit_records", "most_pending", "oldest_s",
    "most_backlog", "timeout_s",
)  # fmt: skip


class AgentSection:
    """Reads the section; what is wrong is told to the file."""

    def __init__(self, file: TargetFile) -> None:
        self._file = file

    def read(self, raw: Mapping[str, Any]) -> Agent | None:
        """The agent; None where a problem was found with its key."""
        keys = {
            name: self._file.secret(raw.get(name), ("agent", name)) for name in ("key", "approver_key", "other_key")
        }
        key = keys["key"]
        if key is None:
            return None
        self._check_keys(keys)
        actions = {risk: _action(item["tool"], item["arguments"]) for risk, item in raw.get("actions", {}).items()}
        if keys["approver_key"] is None and any(risk in actions for risk in NEED_APPROVAL):
            self._file.problem(("agent", "actions"), "R2 and R3 need `approver_key`: somebody who may approve them")
        return Agent(
            url=raw["url"].rstrip("/"),
            key=key,
            approver_key=keys["approver_key"],
            other_key=keys["other_key"],
            paths=AgentPaths(**raw.get("paths", {})),
            tools=tuple(map(_tool, raw.get("tools", ()))),
            actions=actions,
            control_url=raw.get("control_url"),
            **{name: raw[name] for name in _AS_THEY_ARE if name in raw},
        )

    def _check_keys(self, keys: Mapping[str, Secret | None]) -> None:
        """Whoever approves what he asked for himself proves nothing."""
        values = {name: key.value for name, key in keys.items() if key is not None and key.value}
        for name in ("approver_key", "other_key"):
            others = [other for other, value in values.items() if other != name and value == values.get(name)]
            if others:
                self._file.problem(("agent", name), f"is the same key as `{others[0]}`: it must be another caller's")


def _tool(raw: Mapping[str, Any]) -> AgentTool:
    name, witness = raw["name"], raw["witness"]
    writes = tuple(_action(name, words) for words in raw["writes"])
    seen_by = _action(witness["tool"], witness["arguments"]) if isinstance(witness, dict) else _action(name, witness)
    return AgentTool(name, _action(name, raw["read"]), writes, seen_by)


def _action(tool: str, words: list[str]) -> Action:
    return Action(tool, tuple(words))
