"""How risky an action is, and whether an approval allows it.

R0 reads; R1 changes little, and can be taken back; R2 changes something that users notice; R3 cannot be taken back.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from embedded.agent.store import Store
from embedded.switchboard import Switchboard

_READS = {
    ("git", "log"), ("git", "status"), ("git", "rev-parse"), ("git", "for-each-ref"), ("git", "diff"),
    ("kubectl", "get"), ("kubectl", "describe"), ("settings", "get"),
}  # fmt: skip
_SMALL = {("settings", "note")}
_FINAL = {("settings", "drop"), ("git", "push"), ("kubectl", "delete")}
NEEDS_APPROVAL = ("R2", "R3")


class Policy:
    """Decides before any tool is asked; what a request says of its own risk does not count."""

    def __init__(self, store: Store, board: Switchboard) -> None:
        self._store, self._board = store, board

    def risk_of(self, tool: str, arguments: Sequence[str], told: Mapping[str, Any]) -> str:
        """The risk of an action: what is not known is R2."""
        if self._board.on("policy-talked-around") and told.get("risk") in {"R0", "R1", "R2", "R3"}:
            return str(told["risk"])
        if self._board.on("policy-odd-names") and tool != tool.lower():
            return "R0"
        action = (tool, arguments[0] if arguments else "")
        if action in _READS:
            return "R2" if self._board.on("policy-shuts-reads") else "R0"
        return "R1" if tool == "tests" or action in _SMALL else "R3" if action in _FINAL else "R2"

    def objection(self, actor: str, tool: str, arguments: Sequence[str], risk: str, approval: str) -> str:
        """Why an action is blocked; empty where it may go on. An approval that it needs is used up by asking."""
        on = self._board.on
        if risk not in NEEDS_APPROVAL or on("policy-open") or (on("policy-open-r3") and risk == "R3"):
            return ""
        if not approval:
            return f"{risk} needs an approval"
        if on("policy-shut"):
            return "nothing is approved today"
        return self._flaw(actor, tool, list(arguments), approval) or self._used(approval)

    def _flaw(self, actor: str, tool: str, arguments: list[str], name: str) -> str:
        on, approval = self._board.on, self._store.approval(name)
        if approval is None:
            return "" if on("approval-guessed") else "there is no such approval"
        state, is_any = approval["state"], on("approval-any-action")
        is_given = state == "approved" or (state in {"pending", "rejected"} and on(f"approval-{state}"))
        flaws = {
            f"the approval is {state}": not is_given,
            "the approval has expired": approval["expires_at"] < time.time() and not on("approval-forever"),
            "the approval is another caller's": approval["asker"] != actor and not on("approval-borrowed"),
            "the approval is for another tool": approval["tool"] != tool and not is_any,
            "the approval is for other arguments": approval["arguments"] != arguments
            and not (is_any or on("approval-any-arguments")),
        }
        return next((flaw for flaw, is_so in flaws.items() if is_so), "")

    def _used(self, name: str) -> str:
        on = self._board.on
        if on("approval-reused"):
            return ""
        if on("approval-race"):  # looks first, and writes down later
            approval = self._store.approval(name)
            time.sleep(0.2)
            self._store.use(name)
            return "the approval is used up" if approval and approval["used_at"] else ""
        approval = self._store.approval(name)
        return "" if approval is None or self._store.use(name) else "the approval is used up"
