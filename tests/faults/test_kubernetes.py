"""A workload is scaled to zero and back, by the official client: the API server here knows scales and statuses only."""

import json
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from gonogo.errors import GonogoError, InconclusiveError
from gonogo.faults.injection import Injector
from gonogo.faults.journal import Journal
from gonogo.targets.loader import load_target
from gonogo.targets.model import Target

PATH = "/apis/apps/v1/namespaces/chat/deployments/vllm"
LOOKS_UNTIL_THERE = 2
"""A controller needs a while: the status follows the wish after so many looks."""


class ApiServer(BaseHTTPRequestHandler):
    """One deployment."""

    wanted, there, looks = 3, 3, 0
    asked: "list[tuple[str, Any]]" = []  # noqa: RUF012 (one server a test)

    def do_GET(self) -> None:
        if self.path != PATH:
            self._answer(404, {"kind": "Status", "code": 404, "reason": "NotFound"})
            return
        cls = type(self)
        cls.looks += 1
        if cls.looks > LOOKS_UNTIL_THERE:
            cls.there = cls.wanted
        self._answer(200, {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "vllm"},
            "spec": {"replicas": cls.wanted, "selector": {}, "template": {}},
            "status": {"replicas": cls.there, "readyReplicas": cls.there},
        })  # fmt: skip

    def do_PATCH(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        cls = type(self)
        cls.asked.append((self.path, body))
        cls.wanted, cls.looks = body["spec"]["replicas"], 0
        self._answer(
            200,
            {"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": body["spec"], "status": {"replicas": cls.there}},
        )

    def _answer(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 (its name there)
        pass


@pytest.fixture
def server() -> Iterator[str]:
    ApiServer.wanted = ApiServer.there = 3
    ApiServer.looks, ApiServer.asked = 0, []
    with ThreadingHTTPServer(("127.0.0.1", 0), ApiServer) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def target_of(tmp_path: Path, server: str, workload: str = "deployment/vllm", context: str = "staging") -> Target:
    kubeconfig = {
        "apiVersion": "v1", "kind": "Config", "current-context": "production",
        "clusters": [{"name": "c", "cluster": {"server": server}}, {"name": "p", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "staging", "context": {"cluster": "c", "user": "u"}},
                     {"name": "production", "context": {"cluster": "p", "user": "u"}}],
    }  # fmt: skip
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig), encoding="utf-8")
    file = tmp_path / "target.yaml"
    file.write_text(
        f"name: t\nenvironment: staging\ncluster: {{context: {context}, namespace: chat, kubeconfig: kubeconfig}}\n"
        f"providers: [{{name: p, kind: vllm, url: '{server}', health_path: {PATH}, workload: {workload}}}]\n",
        encoding="utf-8",
    )
    return load_target(file, date(2026, 1, 1))


def test_a_workload_is_scaled_to_zero_and_back(tmp_path: Path, server: str) -> None:
    journal = Journal(tmp_path / "journal")
    with Injector(target_of(tmp_path, server), journal).broken({"scale": "p", "replicas": 0}):
        assert (ApiServer.wanted, ApiServer.there) == (0, 0)
        (entry,) = journal.unfinished()
        assert entry.details["replicas"] == 3
    assert (ApiServer.wanted, ApiServer.there) == (3, 3)
    assert [body for _, body in ApiServer.asked] == [{"spec": {"replicas": 0}}, {"spec": {"replicas": 3}}]
    assert {path for path, _ in ApiServer.asked} == {f"{PATH}/scale"}
    assert journal.unfinished() == []


def test_what_the_cluster_does_not_have_is_told(tmp_path: Path, server: str) -> None:
    injector = Injector(target_of(tmp_path, server, "deployment/gone"), Journal(tmp_path / "journal"))
    with (
        pytest.raises(InconclusiveError, match="deployment/gone: the API server says 404"),
        injector.broken({"scale": "p"}),
    ):
        pass


def test_another_context_is_never_used(tmp_path: Path, server: str) -> None:
    injector = Injector(target_of(tmp_path, server, context="nowhere"), Journal(tmp_path / "journal"))
    with pytest.raises(InconclusiveError, match="nowhere cannot be used here"), injector.broken({"scale": "p"}):
        pass
    assert ApiServer.asked == []


def test_an_api_server_that_is_gone_decides_nothing(tmp_path: Path, server: str) -> None:
    injector = Injector(target_of(tmp_path, server, context="production"), Journal(tmp_path / "journal"))
    with pytest.raises(InconclusiveError, match="does not answer"), injector.broken({"scale": "p"}):
        pass


def test_one_that_is_scaled_to_zero_already_is_left_alone(tmp_path: Path, server: str) -> None:
    ApiServer.wanted = ApiServer.there = 0
    journal = Journal(tmp_path / "journal")
    with (
        pytest.raises(GonogoError, match="somebody else"),
        Injector(target_of(tmp_path, server), journal).broken({"scale": "p"}),
    ):
        pass
    assert (ApiServer.asked, journal.unfinished()) == ([], [])
