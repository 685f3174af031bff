"""Questions to an agent orchestrator: actions, approvals, its audit log (docs/agent.md tells the interface)."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from gonogo.errors import EndpointFailedError, InconclusiveError
from gonogo.model import Observation
from gonogo.probes.context import ProbeContext
from gonogo.probes.http import Client, Http, HttpAnswer
from gonogo.probes.patience import TOO_MANY, is_refused
from gonogo.rules.agents import OUTCOMES, Acted, Place
from gonogo.rules.reading import json_value
from gonogo.targets.agent import Action, Agent
from gonogo.targets.secrets import Secret

_PAGE = 500
_MOST_RECORDS = 100_000
"""Beyond any log that a run may read: one that always has more is no log."""
_LOOK_S = 0.1
_TAKEN = frozenset({200, 201, 202})


@dataclass(frozen=True)
class Approval:
    """An approval that was asked for."""

    id: str
    action: Action
    expires_in_s: float
    """From now on, by this machine's clock."""


class AgentProbe:
    """Asks in the name of one caller."""

    def __init__(self, agent: Agent, client: Client, context: ProbeContext) -> None:
        """The caller is the target's `key`, who waits where there are too many requests."""
        self.agent, self._paths = agent, agent.paths
        self._asked: dict[str, Approval] = {}
        self.http = Http(client, agent.url, agent.key, context, agent.timeout_s).patient(_is_refused)

    def act(self, action: Action, approval: str = "", *, key: Secret | None = None) -> Acted:
        """Ask for an action; `key` is another caller's.

        Raises:
            EndpointFailedError: no answer, or one that does not say what became of it.
        """
        body = {"tool": action.tool, "arguments": list(action.arguments)} | ({"approval": approval} if approval else {})
        return self.act_as_told(action, body, key=key)

    def act_as_told(self, action: Action, body: Mapping[str, Any], *, key: Secret | None = None) -> Acted:
        """Ask for an action by a body of one's own.

        Raises:
            EndpointFailedError: no answer, or one that does not say what became of it.
            InconclusiveError: the agent goes on to answer 429.
        """
        answer = self._as(key).post(self._paths.actions, body)
        told = _object(answer)
        outcome = told.get("outcome")
        if outcome in OUTCOMES:
            names = {name: str(told.get(name) or "") for name in ("risk", "reason", "output")}
            return Acted(action, answer.status, str(outcome), id=str(told.get("action") or ""), **names)
        if answer.status in _TAKEN or answer.status in {401, TOO_MANY} or answer.status >= 500:
            raise EndpointFailedError(f"`{action}`: HTTP {answer.status} without an outcome: {answer.text[:200]}")
        return Acted(action, answer.status, "", reason=str(told.get("error") or ""))

    def at_once(self, action: Action, approval: str, times: int) -> Sequence[Acted]:
        """Ask so many times at the same moment, with one approval; what was done counts, whatever the others get.

        Raises:
            EndpointFailedError, InconclusiveError: one of them has no answer, and not two were done.
        """
        with ThreadPoolExecutor(times) as pool:
            asked = [pool.submit(self.act, action, approval) for _ in range(times)]
        failed = [error for one in asked if (error := one.exception()) is not None]
        acted = [one.result() for one in asked if one.exception() is None]
        if failed and sum(one.is_done for one in acted) < 2:
            raise failed[0]
        return acted

    def ask_approval(self, action: Action, ttl_s: float | None = None) -> Approval:
        """Ask for an approval of an action.

        Raises:
            EndpointFailedError: there is none to be had.
            InconclusiveError: the agent goes on to answer 429.
        """
        body = {"tool": action.tool, "arguments": list(action.arguments)} | ({"ttl_s": ttl_s} if ttl_s else {})
        answer = self.http.post(self._paths.approvals, body)
        told = _object(answer)
        if answer.status not in _TAKEN or not told.get("approval"):
            raise EndpointFailedError(f"no approval can be asked for: HTTP {answer.status} {answer.text[:200]}")
        lives_s = _seconds_until(told.get("expires_at"), answer.headers.get("date", ""))
        found = self._asked[str(told["approval"])] = Approval(str(told["approval"]), action, lives_s)
        return found

    def decide(self, approval: Approval, decision: str, key: Secret | None) -> int:
        """``approve`` or ``reject``, in the name of `key`'s owner, or of nobody; the answer's status."""
        path = f"{self._paths.approvals}/{quote(approval.id, safe='')}/decision"
        status = self.http.with_key(key).post(path, {"decision": decision}).status
        if status in _TAKEN:
            self._asked.pop(approval.id, None)
        return status

    def reject(self, approval: Approval) -> None:
        """Reject an approval, in the approver's name.

        Raises:
            EndpointFailedError: the approver may not.
        """
        status = self.decide(approval, "reject", self.agent.approver_key)
        if status not in _TAKEN:
            raise EndpointFailedError(f"the approver may not reject `{approval.action}`: HTTP {status}")

    def tidy(self) -> None:
        """Reject what was asked for and nobody has decided: it would wait in the queue until it expires."""
        for approval in list(self._asked.values()) if self.agent.approver_key is not None else []:
            with suppress(EndpointFailedError, InconclusiveError):
                self.decide(approval, "reject", self.agent.approver_key)
        self._asked.clear()

    def approved(self, action: Action, ttl_s: float | None = None) -> Approval:
        """An approval that was given.

        Raises:
            EndpointFailedError: it cannot be asked for, or the approver may not give it.
            InconclusiveError: the target names no approver.
        """
        if self.agent.approver_key is None:
            raise InconclusiveError("the target names nobody who may approve (agent.approver_key)")
        approval = self.ask_approval(action, ttl_s)
        status = self.decide(approval, "approve", self.agent.approver_key)
        if status not in _TAKEN:
            raise EndpointFailedError(f"the approver may not approve `{action}`: HTTP {status}")
        return approval

    def approved_for(self, action: Action, ttl_s: float) -> Approval:
        """An approval that was given, and ends soon.

        Raises:
            InconclusiveError: it ended before it could be given.
            EndpointFailedError: as `approved`.
        """
        began = time.monotonic()
        try:
            return self.approved(action, ttl_s)
        except EndpointFailedError as error:
            if time.monotonic() - began >= ttl_s:
                raise InconclusiveError(f"the agent is too slow for so short a life (agent.ttl_s): {error}") from error
            raise

    def pending(self) -> list[str]:
        """The ids of all approvals that wait for a decision.

        Raises:
            EndpointFailedError: the queue cannot be read.
        """
        return [str(item.get("approval")) for item in _items(self.http.get(self._paths.approvals), "approvals")]

    def await_queue(self, approval: Approval, *, is_there: bool) -> bool:
        """Whether an approval is in the queue, or no longer, as it should be within the bound of the audit log.

        Raises:
            EndpointFailedError: the queue cannot be read.
        """
        return self._look_until(lambda: (approval.id in self.pending()) is is_there)

    def health(self) -> Mapping[str, Any]:
        """What the agent's health page tells.

        Raises:
            EndpointFailedError: it does not answer HTTP 200 with an object.
        """
        answer = self.http.get(self._paths.health)
        if answer.status != 200:
            raise EndpointFailedError(f"{self._paths.health}: HTTP {answer.status}")
        found = _object(answer)
        parts = [found.get(name) for name in ("approvals", "audit")]
        told = {name: value for part in parts if isinstance(part, dict) for name, value in part.items()}
        self.http.note(Observation("agent", "queue", answer.duration_ms, answer=told))
        return found

    def head(self) -> Place:
        """Where the audit log ends.

        Raises:
            EndpointFailedError: it cannot be read.
        """
        return self._page(0, 1)[1]

    def record(self, seq: int) -> Mapping[str, Any] | None:
        """The record of a number; None where there is none.

        Raises:
            EndpointFailedError: the log cannot be read.
        """
        records, _ = self._page(seq - 1, 1)
        return next((record for record in records if record.get("seq") == seq), None)

    def latest(self, most: int) -> tuple[Sequence[Mapping[str, Any]], Place]:
        """So many of the latest records, in order, and where the log says that it ends.

        Raises:
            EndpointFailedError: it cannot be read.
        """
        return self.since(max(0, self.head().seq - most))

    def since(self, after: int) -> tuple[Sequence[Mapping[str, Any]], Place]:
        """Every record after a number, in order, and where the log says that it ends.

        Raises:
            EndpointFailedError: it cannot be read.
        """
        records = list[Mapping[str, Any]]()
        while len(records) < _MOST_RECORDS:
            page, head = self._page(after, _PAGE)
            records += page
            last = page[-1].get("seq") if page else None
            if not isinstance(last, int) or last <= after or last >= head.seq:
                return records, head
            after = last
        raise EndpointFailedError(f"the audit log does not end: {len(records)} records, and there are still more")

    def await_records(
        self, after: int, is_there: Callable[[Sequence[Mapping[str, Any]]], bool]
    ) -> Sequence[Mapping[str, Any]]:
        """The records after a number, once they are those that are waited for, or the time for it is over.

        Raises:
            EndpointFailedError: the log cannot be read.
        """
        records: Sequence[Mapping[str, Any]] = []

        def look() -> bool:
            nonlocal records
            records, _ = self.since(after)
            return is_there(records)

        began = time.monotonic()
        found = self._look_until(look)
        taken_s = time.monotonic() - began
        told = {"new_records": len(records), "found_after_s": round(taken_s, 2) if found else None}
        self.http.note(Observation("agent", "audit", taken_s * 1000, answer=told))
        return records

    def _look_until(self, look: Callable[[], bool]) -> bool:
        """Whether a look finds what must be there within the bound of the audit log.

        It is surely not only where a look that began after the bound does not find it: a look takes time itself.
        """
        deadline = time.monotonic() + self.agent.audited_within_s
        while True:
            is_last = time.monotonic() >= deadline
            if look():
                return True
            if is_last:
                return False
            time.sleep(_LOOK_S)

    def _page(self, after: int, limit: int) -> tuple[list[Mapping[str, Any]], Place]:
        answer = self.http.get(f"{self._paths.audit}?after={after}&limit={limit}")
        head = _object(answer).get("head")
        if not isinstance(head, dict) or not isinstance(head.get("seq"), int):
            raise EndpointFailedError(f"the audit log does not say where it ends: HTTP {answer.status}")
        return _items(answer, "records"), Place(head["seq"], str(head.get("hash")))

    def _as(self, key: Secret | None) -> Http:
        return self.http if key is None else self.http.with_key(key)


def _is_refused(answer: HttpAnswer) -> bool:
    """Whether it is refused for too many requests: an answer that says what became of the action is none of that."""
    return is_refused(answer) and _object(answer).get("outcome") not in OUTCOMES


def _object(answer: HttpAnswer) -> dict[str, Any]:
    """An answer's body; empty where it is none, as with many a refusal."""
    try:
        body = json_value(answer.body)
    except ValueError:
        body = {}
    return body if isinstance(body, dict) else {}


def _items(answer: HttpAnswer, name: str) -> list[Mapping[str, Any]]:
    found = _object(answer).get(name)
    if answer.status != 200 or not isinstance(found, list):
        raise EndpointFailedError(f"there is no list `{name}`: HTTP {answer.status} {answer.text[:200]}")
    return [item for item in found if isinstance(item, dict)]


def _seconds_until(moment: object, date: str) -> float:
    """How long until a moment, by the clock of whoever tells it: the ``Date`` of its answer, else this machine's."""
    try:
        now = parsedate_to_datetime(date) if date else datetime.now(UTC)
        return (datetime.fromisoformat(str(moment)) - now).total_seconds()
    except (ValueError, TypeError):
        return float("inf")
