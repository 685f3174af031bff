"""A router and a provider, watched by a real Prometheus and a real Alertmanager: where the suite monitoring is calibrated."""

import json
import secrets
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from embedded.ports import free_port
from gonogo.resources import ROOT
from tests.calibration.servers import PLAIN, READY_S, Servers

TARGET = ROOT / "tests" / "calibration" / "watched.yaml"
PROGRAMS = {
    "prometheus": shutil.which("prometheus"),
    "alertmanager": shutil.which("prometheus-alertmanager") or shutil.which("alertmanager"),
}
MISSING = [name for name, program in PROGRAMS.items() if program is None]
CONFIGURATION = """\
global: {{scrape_interval: 500ms, evaluation_interval: 500ms}}
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["{alertmanager}"]}}]}}]}}
rule_files: [rules.yml]
scrape_configs:
  - {{job_name: router, static_configs: [{{targets: ["{router}"]}}]}}
  - {{job_name: provider, static_configs: [{{targets: ["{provider}"]}}]}}
"""
RULES = """\
groups:
  - name: gateway
    rules:
      - record: gateway:requests:rate10s
        expr: sum(rate(router_requests_total[10s]))
      - alert: GatewayUnwatched
        expr: up{job="router"} == 0
        labels: {severity: critical}
      - alert: GatewayFails
        expr: sum(rate(router_requests_total{status=~"5.."}[10s])) > 0.5
        for: 1s
        labels: {severity: page}
"""
RATE = 'sum by (model) (rate(router_requests_total{model=~"$model"}[$__rate_interval]))'
DASHBOARD = {
    "title": "Gateway",
    "templating": {"list": [{"name": "model", "type": "query", "current": {"value": "$__all"}}]},
    "panels": [
        {"title": "Requests", "targets": [{"expr": RATE}]},
        {"title": "Folded", "type": "row", "panels": [{"title": "Up", "targets": [{"expr": "up"}]}]},
        {"title": "Lines", "datasource": {"type": "loki"}, "targets": [{"expr": '{app="router"}'}]},
    ],
}
WELL = """\
gateway:requests:rate10s > 1
unless on () sum(rate(router_requests_total{status=~"5.."}[10s])) > 0
unless on () histogram_quantile(0.95, sum by (le) (rate(router_request_duration_seconds_bucket[10s]))) > 0.5
unless on () ALERTS
and on () min(count_over_time(router_request_duration_seconds_bucket[10s])) > 17
and on () min(count_over_time(router_requests_total{end_user="",status="200"}[10s])) > 17
"""
ALERTING = """\
route: {{receiver: people, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers:
  - name: people
    webhook_configs: [{{url: "http://{listen}/alerts", send_resolved: true}}]
  - name: nobody
"""


def start_prometheus(servers: Servers, folder: Path, configuration: str, rules: str) -> None:
    """Start a Prometheus, and wait until it answers; its files are in a folder, the rules in ``rules.yml``."""
    (folder / "prometheus.yml").write_text(configuration)
    (folder / "rules.yml").write_text(rules)
    address = f"127.0.0.1:{servers.place('prometheus')}"
    program = PROGRAMS["prometheus"]
    assert program is not None
    words = [program, f"--config.file={folder / 'prometheus.yml'}", f"--web.listen-address={address}"]
    words += [f"--storage.tsdb.path={folder / 'tsdb'}", "--web.enable-lifecycle", "--log.level=error"]
    servers.run(words)
    servers.await_health("prometheus", "/-/ready")


class WatchedServers(Servers):
    """The servers of ``watched.yaml``."""

    def __init__(self, folder: Path) -> None:
        """All their files are below a folder."""
        super().__init__("WATCHED")
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.environment |= {name: f"sk-{secrets.token_hex(16)}" for name in ("WATCHED_KEY", "WATCHED_PROVIDER_KEY")}
        self.environment |= {"WATCHED_FOLDER": str(folder), "WATCHED_LISTEN": f"127.0.0.1:{free_port()}"}

    def start(self) -> None:
        """Start what is watched, what watches, and a little traffic."""
        python = [sys.executable, "-m"]
        pace = ["--first-token-ms", "4", "--token-ms", "4", "--key-env", "WATCHED_PROVIDER_KEY"]
        self.run([*python, "tests.servers.collector", "--port", str(self.place("collector"))])
        self.await_health("collector", "/ready")
        pace += ["--collector", self.urls["collector"]]
        provider = ["embedded.provider", "--dialect", "vllm", "--chat-model", "chat-8b", *pace]
        self.run([*python, *provider, "--port", str(self.place("provider"))])
        deployment = {
            "name": "main",
            "url": self.urls["provider"],
            "model": "chat-8b",
            "key_env": "WATCHED_PROVIDER_KEY",
        }
        settings = self._folder / "router.json"
        routes = {"chat": {"pool": [deployment]}}
        callers = [{"key_env": "WATCHED_KEY", "tenant": "gate"}]
        told = {"routes": routes, "callers": callers, "log": str(self._folder / "router.log")}
        # nobody listens there: the router does without a cache
        told |= {"redis": "redis://127.0.0.1:9/0", "collector": self.urls["collector"]}
        settings.write_text(json.dumps(told))
        self.run([*python, "embedded.router", "--settings", str(settings), "--port", str(self.place("router"))])
        for name in ("provider", "router"):
            self.await_health(name)
        self._start_alertmanager()
        self._start_prometheus()
        self.run([*python, "tests.calibration.trickle", self.urls["router"], "WATCHED_KEY"], quiet=True)
        self._await_figures()

    def _await_figures(self) -> None:
        """Wait until all is well in the figures of Prometheus, which look back on ten seconds, and no alert is on."""
        deadline, prometheus = time.monotonic() + 2 * READY_S, self.urls["prometheus"]

        def asked(url: str, **parameters: str) -> Any:
            return PLAIN.get(url, params=parameters, timeout=5).json()

        while (
            not asked(f"{prometheus}/api/v1/query", query=WELL)["data"]["result"]
            or not asked(f"{prometheus}/api/v1/alertmanagers")["data"]["activeAlertmanagers"]
            or asked(f"{self.urls['alertmanager']}/api/v2/alerts")
        ):
            assert time.monotonic() < deadline, "Prometheus does not come to rest"
            time.sleep(0.2)

    def _start_prometheus(self) -> None:
        hosts = {name: url.removeprefix("http://") for name, url in self.urls.items()}
        (self._folder / "dashboard.json").write_text(json.dumps(DASHBOARD))
        start_prometheus(self, self._folder, CONFIGURATION.format(**hosts), RULES)

    def _start_alertmanager(self) -> None:
        (self._folder / "alertmanager.yml").write_text(ALERTING.format(listen=self.environment["WATCHED_LISTEN"]))
        address = f"127.0.0.1:{self.place('alertmanager')}"
        program = PROGRAMS["alertmanager"]
        assert program is not None
        words = [program, f"--config.file={self._folder / 'alertmanager.yml'}", f"--web.listen-address={address}"]
        words += [f"--storage.path={self._folder / 'alerts'}", "--cluster.listen-address=", "--log.level=error"]
        self.run(words)
        self.await_health("alertmanager", "/-/ready")

    def reset(self) -> None:
        """Switch every deviation of the router and the provider off, and begin the log anew."""
        (self._folder / "router.log").write_text("")
        for name in ("provider", "router"):
            PLAIN.post(f"{self.urls[name]}/control/reset", timeout=10).raise_for_status()
        self._await_figures()
