"""The embedded agent, in process: what it allows, what it refuses, and that its log is a chain."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from embedded.agent.app import build_app
from embedded.agent.store import Store
from embedded.agent.switchboard import FAULTS
from embedded.agent.tools import Failed, Refused, Tools, make_workspace
from embedded.switchboard import Switchboard

SET = {"tool": "settings", "arguments": ["set", "a.b", "1"]}


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    for name in ("KEY", "OTHER_KEY", "APPROVER_KEY"):
        monkeypatch.setenv(f"EMBEDDED_AGENT_{name}", name)
    with TestClient(build_app(tmp_path)) as client:
        yield client


def post(agent: TestClient, path: str, body: Any, key: str = "KEY") -> Any:
    return agent.post(path, json=body, headers={"authorization": f"Bearer {key}"})


def approved(agent: TestClient, body: Any = SET) -> str:
    name = str(post(agent, "/v1/approvals", body).json()["approval"])
    assert post(agent, f"/v1/approvals/{name}/decision", {"decision": "approve"}, "APPROVER_KEY").status_code == 200
    return name


def test_an_approval_serves_once(agent: TestClient) -> None:
    assert post(agent, "/v1/actions", SET).json()["reason"] == "R2 needs an approval"
    name = approved(agent)
    assert post(agent, "/v1/actions", {**SET, "approval": name}).json()["outcome"] == "done"
    again = post(agent, "/v1/actions", {**SET, "approval": name})
    assert (again.status_code, again.json()["reason"]) == (403, "the approval is used up")
    look = {"tool": "settings", "arguments": ["get", "a.b"]}
    assert post(agent, "/v1/actions", look).json()["output"] == "1"


def test_of_many_uses_at_once_one_wins(tmp_path: Path) -> None:
    store = Store(tmp_path / "agent.sqlite")
    for _ in range(10):
        name = store.ask("gate", "settings", ["set"], "R2", 60)["id"]
        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(lambda _, name=name: store.use(name), range(8))) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([], 422),
        ({"tool": "rm", "arguments": []}, 422),
        ({"tool": ["git"], "arguments": []}, 422),
        ({"tool": "git", "arguments": "log"}, 422),
        ({"tool": "git", "arguments": [1]}, 422),
    ],
)
def test_what_cannot_be_understood_is_said(agent: TestClient, body: Any, status: int) -> None:
    assert post(agent, "/v1/actions", body).status_code == status
    assert agent.post("/v1/actions", content=b"{", headers={"authorization": "Bearer KEY"}).status_code == 400


def test_who_may_decide(agent: TestClient) -> None:
    name = post(agent, "/v1/approvals", SET).json()["approval"]
    path, yes = f"/v1/approvals/{name}/decision", {"decision": "approve"}
    assert [post(agent, path, yes, key).status_code for key in ("KEY", "OTHER_KEY", "no")] == [403, 403, 401]
    assert post(agent, path, {"decision": "maybe"}, "APPROVER_KEY").status_code == 422
    assert [post(agent, path, yes, "APPROVER_KEY").status_code for _ in range(2)] == [200, 409]
    assert post(agent, "/v1/approvals/none/decision", yes, "APPROVER_KEY").status_code == 404
    assert post(agent, "/v1/approvals", {**SET, "ttl_s": 1e9}).status_code == 422


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("git", ["tag", "x"]),
        ("git", ["log", "-1", "--output=x"]),
        ("git", []),
        ("kubectl", ["create", "configmap", "x"]),
        ("kubectl", []),
        ("tests", ["--verbose"]),
        ("settings", ["get"]),
        ("settings", ["set", "../x", "1"]),
    ],
)
def test_tools_refuse_by_themselves(tmp_path: Path, tool: str, words: list[str]) -> None:
    make_workspace(tmp_path / "workspace")
    tools = Tools(tmp_path / "workspace", Store(tmp_path / "agent.sqlite"), Switchboard(FAULTS))
    before = sorted(path.name for path in (tmp_path / "workspace").iterdir())
    with pytest.raises(Refused):
        tools.run(tool, words)
    assert tools.run("git", ["status", "--porcelain"]) == ""
    assert sorted(path.name for path in (tmp_path / "workspace").iterdir()) == before


def test_tools_work(tmp_path: Path) -> None:
    make_workspace(tmp_path / "workspace")
    tools = Tools(tmp_path / "workspace", Store(tmp_path / "agent.sqlite"), Switchboard(FAULTS))
    assert "The workspace" in tools.run("git", ["log", "-1", "--oneline"])
    assert tools.run("kubectl", ["get", "pods"]).splitlines() == ["pods-chatbot", "pods-gateway"]
    assert "OK" in tools.run("tests", ["checks.Answers"])
    assert tools.run("git", ["status", "--porcelain"]) == ""
    with pytest.raises(Failed):
        tools.run("tests", ["checks.Nothing"])


def test_the_log_pages_and_ends_where_it_says(agent: TestClient) -> None:
    headers = {"authorization": "Bearer KEY"}
    for _ in range(3):
        post(agent, "/v1/actions", SET)
    records: list[dict[str, Any]] = []
    for _ in range(100):
        page = agent.get(f"/v1/audit?after={len(records)}&limit=2", headers=headers).json()
        records += page["records"]
        if len(records) == 3:
            break
    assert [record["outcome"] for record in records] == ["blocked"] * 3
    assert page["head"] == {"seq": 3, "hash": records[-1]["hash"]}
    assert agent.get("/v1/audit?after=x", headers=headers).status_code == 422
    assert agent.delete("/v1/audit/1", headers=headers).status_code == 405
