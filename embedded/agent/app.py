"""The agent's ASGI application: actions, approvals, the audit log and its health. docs/agent.md tells the contract."""

import json
import os
import secrets
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from embedded.agent.policy import NEEDS_APPROVAL, Policy
from embedded.agent.store import GENESIS, Store, hash_of
from embedded.agent.switchboard import FAULTS
from embedded.agent.tools import Failed, Refused, Tools, make_workspace
from embedded.control import control_routes
from embedded.switchboard import Switchboard

_DEFAULT_TTL_S, _MAX_TTL_S = 900.0, 3600.0
_PAGE = 500
_INGEST_S = 0.05
_LATE_S = 30.0
_KEYS = {"EMBEDDED_AGENT_KEY": "gate", "EMBEDDED_AGENT_OTHER_KEY": "other", "EMBEDDED_AGENT_APPROVER_KEY": "approver"}


class Stop(Exception):  # noqa: N818 (an answer, not an error)
    """Answer this, and do nothing more."""

    def __init__(self, status: int, **body: object) -> None:
        super().__init__(str(body))
        self.status, self.body = status, body


@dataclass(frozen=True)
class Caller:
    """Who asks."""

    name: str
    key: str


class Agent:
    """The handlers and their state."""

    def __init__(self, folder: Path, board: Switchboard) -> None:
        make_workspace(folder / "workspace")
        self._board, self._store = board, Store(folder / "agent.sqlite")
        self._policy, self._tools = Policy(self._store, board), Tools(folder / "workspace", self._store, board)
        self._callers = {os.environ[name]: Caller(who, os.environ[name]) for name, who in _KEYS.items()}
        self._stopping = threading.Event()

    @asynccontextmanager
    async def ingesting(self, _: Starlette) -> AsyncIterator[None]:
        """Bring records into the chain while it serves."""
        thread = threading.Thread(target=self._ingest, daemon=True)
        thread.start()
        yield
        self._stopping.set()
        thread.join()

    def _ingest(self) -> None:
        while not self._stopping.wait(_INGEST_S):
            late_until = time.monotonic() + _LATE_S
            while self._board.on("audit-late") and time.monotonic() < late_until:
                self._stopping.wait(_INGEST_S)
            self._store.ingest()

    async def act(self, request: Request) -> Response:
        """Do something, if the policy and the tool allow it."""
        caller, body = self._caller(request), await _object(request)
        return JSONResponse(*await run_in_threadpool(self._act, caller, body))

    def _act(self, caller: Caller, body: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
        tool, arguments = self._asked(body)
        risk = self._policy.risk_of(tool, arguments, body)
        told: dict[str, Any] = {"action": secrets.token_hex(8), "risk": risk}
        approval = str(body.get("approval") or "")
        objection = self._policy.objection(caller.name, tool, arguments, risk, approval)
        if objection:
            told |= {"outcome": "blocked", "reason": objection}
        else:
            try:
                told |= {"outcome": "done", "output": self._tools.run(tool, arguments)}
            except Refused as refused:
                told |= {"outcome": "refused", "reason": str(refused)}
            except Failed as failed:
                told |= {"outcome": "failed", "reason": str(failed)}
        if self._board.on("policy-says-blocked") and risk in NEEDS_APPROVAL and not approval:
            told |= {"outcome": "blocked", "reason": f"{risk} needs an approval"}
        self._note(caller, tool, arguments, approval, told)
        return told, 200 if told["outcome"] in {"done", "failed"} else 403

    def _asked(self, body: Mapping[str, Any]) -> tuple[str, list[str]]:
        tool, arguments = body.get("tool"), body.get("arguments")
        known = str(tool).lower() if self._board.on("policy-odd-names") else str(tool)
        if not isinstance(tool, str) or known not in self._tools.by_name:
            raise Stop(422, error=f"`tool` is none of {', '.join(self._tools.by_name)}")
        if not isinstance(arguments, list) or not all(isinstance(word, str) for word in arguments):
            raise Stop(422, error="`arguments` must be a list of texts")
        return tool, arguments

    def _note(self, caller: Caller, tool: str, arguments: list[str], approval: str, told: Mapping[str, Any]) -> None:
        outcome, on = told["outcome"], self._board.on
        if outcome == "blocked" and on("audit-forgets-blocked"):
            return
        if outcome == "blocked" and on("audit-wrong-outcome"):
            outcome = "done"
        record = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "actor": "system" if on("audit-wrong-actor") else caller.name,
            "action": told["action"],
            "tool": tool,
            "arguments": arguments,
            "risk": told["risk"],
            "outcome": outcome,
            "approval": approval,
        }
        self._store.spool(record)

    async def ask_approval(self, request: Request) -> Response:
        """Ask for an approval of one action."""
        caller, body = self._caller(request), await _object(request)
        tool, arguments = self._asked(body)
        ttl_s = body.get("ttl_s", _DEFAULT_TTL_S)
        if not isinstance(ttl_s, int | float) or not 0 < ttl_s <= _MAX_TTL_S:
            raise Stop(422, error=f"`ttl_s` must be a number of seconds up to {_MAX_TTL_S:g}")
        risk = self._policy.risk_of(tool, arguments, {})
        found = await run_in_threadpool(self._store.ask, caller.name, tool, arguments, risk, float(ttl_s))
        return JSONResponse(_shown(found), 201)

    async def approvals(self, request: Request) -> Response:
        """Who waits for a decision."""
        self._caller(request)
        found = [] if self._board.on("queue-hides") else await run_in_threadpool(self._pending)
        return JSONResponse({"approvals": [_shown(approval) for approval in found]})

    def _pending(self) -> list[dict[str, Any]]:
        states = ("approved", "rejected", "pending") if self._board.on("queue-keeps") else ("pending",)
        return [approval for state in states for approval in self._store.approvals(state)]

    async def decide(self, request: Request) -> Response:
        """Approve or reject."""
        caller = Caller("approver", "") if self._board.on("approval-keyless") else self._caller(request)
        body = await _object(request)
        state = {"approve": "approved", "reject": "rejected"}.get(str(body.get("decision")))
        if state is None:
            raise Stop(422, error="`decision` must be approve or reject")
        return JSONResponse(await run_in_threadpool(self._decide, caller, request.path_params["name"], state))

    def _decide(self, caller: Caller, name: str, state: str) -> dict[str, Any]:
        approval = self._store.approval(name)
        if approval is None:
            raise Stop(404, error="there is no such approval")
        is_own = approval["asker"] == caller.name
        may = caller.name == "approver" or self._board.on("approval-own" if is_own else "approval-any-approver")
        if not may:
            raise Stop(403, error="you may not decide this")
        if approval["expires_at"] < time.time():
            raise Stop(410, error="it has expired")
        if not self._store.decide(name, state, caller.name):
            raise Stop(409, error=f"it is {approval['state']} already")
        return _shown(self._store.approval(name) or {})

    async def audit(self, request: Request) -> Response:
        """Records of the chain, in order, and its head."""
        self._caller(request)
        try:
            after, limit = int(request.query_params.get("after", 0)), int(request.query_params.get("limit", _PAGE))
        except ValueError as error:
            raise Stop(422, error="`after` and `limit` must be whole numbers") from error
        return JSONResponse(await run_in_threadpool(self._audited, after, max(1, min(limit, _PAGE))))

    def _audited(self, after: int, limit: int) -> dict[str, Any]:
        if self._board.on("audit-rewritten"):
            first, *others = self._store.audit(0, 1_000_000) or [{}]
            records = _linked([{**first, "outcome": secrets.token_hex(4)}, *others] if first else [], GENESIS)
            shown = records[after : after + limit]
            return {"records": shown, "head": _place(records[-1]) if records else self._store.head()}
        return {"records": self._tampered(self._store.audit(after, limit)), "head": self._store.head()}

    def _tampered(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What was done to the log, on a page that has enough of it."""
        on, middle = self._board.on, len(records) // 2
        if not middle:
            return records
        if on("audit-tells-key"):
            records[middle] |= {"key": os.environ["EMBEDDED_AGENT_KEY"]}
        if on("audit-edited"):
            records[middle] |= {"outcome": "approved by everybody"}
        if on("audit-gap"):
            del records[middle]
        if on("audit-reordered"):
            records[middle], records[middle - 1] = records[middle - 1], records[middle]
        if on("audit-relinked"):
            first = records[0]["seq"]
            del records[middle]
            records = _linked(records, records[0]["previous"], first)
        return records

    async def delete_record(self, request: Request) -> Response:
        """Nobody may."""
        self._caller(request)
        return JSONResponse({}, 200 if self._board.on("audit-deletable") else 405)

    async def health(self, _: Request) -> Response:
        """How the queue and the ingestion are."""
        pending = await run_in_threadpool(self._store.approvals, "pending")
        oldest_s = time.time() - pending[0]["asked_at"] if pending else 0.0
        backlog = await run_in_threadpool(self._store.backlog)
        if self._board.on("queue-stuck"):
            oldest_s = 3 * 3600.0
        queue = {"pending": len(pending), "oldest_s": round(oldest_s, 1)}
        ingestion = {"backlog": 5000 if self._board.on("audit-backlog") else backlog}
        return JSONResponse({"status": "ok", "approvals": queue, "audit": ingestion})

    def _caller(self, request: Request) -> Caller:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        found = self._callers.get(key) if scheme == "Bearer" else None
        if found is None and not self._board.on("keyless"):
            raise Stop(401, error="a key is needed")
        return found or Caller("gate", "")


def _linked(records: list[dict[str, Any]], before: str, first: int = 1) -> list[dict[str, Any]]:
    """The same records, numbered and hashed anew."""
    linked = []
    for seq, record in enumerate(records, first):
        linked.append({**record, "seq": seq, "previous": before})
        linked[-1]["hash"] = before = hash_of(linked[-1])
    return linked


def _place(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"seq": record["seq"], "hash": record["hash"]}


def _shown(approval: Mapping[str, Any]) -> dict[str, Any]:
    """An approval as callers see it."""
    times = {name: datetime.fromtimestamp(approval[name], UTC).isoformat() for name in ("asked_at", "expires_at")}
    told = {name: approval[name] for name in ("state", "risk", "tool", "arguments", "asker")}
    return {"approval": approval["id"], **told, **times}


async def _object(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise Stop(400, error=f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise Stop(422, error="the body must be an object")
    return body


def build_app(folder: Path) -> Starlette:
    """The agent, with its files below a folder."""
    board = Switchboard(FAULTS)
    agent = Agent(folder, board)

    async def answer(_: Request, stop: Exception) -> Response:
        assert isinstance(stop, Stop)
        return JSONResponse(stop.body, stop.status)

    return Starlette(
        routes=[
            Route("/health", agent.health),
            Route("/v1/actions", agent.act, methods=["POST"]),
            Route("/v1/approvals", agent.ask_approval, methods=["POST"]),
            Route("/v1/approvals", agent.approvals),
            Route("/v1/approvals/{name}/decision", agent.decide, methods=["POST"]),
            Route("/v1/audit", agent.audit),
            Route("/v1/audit/{seq}", agent.delete_record, methods=["DELETE", "PUT", "PATCH"]),
            *control_routes(board),
        ],
        lifespan=agent.ingesting,
        exception_handlers={Stop: answer},
    )
