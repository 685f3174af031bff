"""The figures of issue 3: ``uv run python -m bench.static``. Prints a table; machines are shared and noisy.

* gateway: 1,000 models, 200 providers, 2,000 fallback links: the time of all checks of rows D that look at them;
* manifests: a folder of 100,000 lines: the time of all checks that look at them, secrets included;
* digest: the speed of SHA256 with its progress line against ``sha256sum``, alternating in one run.
"""

import hashlib
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from bench.figures import REPEATS, row, run_pytest
from gonogo.probes.context import ProbeContext
from gonogo.probes.files import Files
from gonogo.redaction import Redactor
from gonogo.resources import ROOT

MODELS, PROVIDERS, LINKS = 1_000, 200, 2_000
LINES = 100_000
DIGEST_BYTES = 2 << 30


def large_gateway(folder: Path) -> Path:
    """A target with a gateway of that size; each model falls back to models of other providers."""
    providers = [{"name": f"p{i}", "kind": "vllm", "url": f"http://p{i}.internal:8000"} for i in range(PROVIDERS)]
    models = [
        {
            "name": f"m{i}",
            "provider": f"p{i % PROVIDERS}",
            "model": f"llama-{i}",
            "timeout_s": 5,
            "rpm": 60,
            "tpm": 6000,
        }
        for i in range(MODELS)
    ]
    group = 5  # each model falls back to all later ones of its group: 4 + 3 + 2 + 1 links
    chains = {
        f"m{i}": [f"m{k}" for k in range(i + 1, i - i % group + group)] for i in range(MODELS) if i % group < group - 1
    }
    assert sum(map(len, chains.values())) == LINKS
    entries: list[dict[str, Any]] = [
        {
            "model_name": m["name"],
            "litellm_params": {
                "model": f"hosted_vllm/{m['model']}", "api_base": f"http://{m['provider']}.internal:8000/v1",
                "api_key": "os.environ/KEY", "timeout": 5, "rpm": 60, "tpm": 6000,
            },
            "model_info": {"max_input_tokens": 8192},
        }
        for m in models
    ]  # fmt: skip
    gateway = {
        "model_list": entries,
        "router_settings": {"num_retries": 0, "cooldown_time": 5, "fallbacks": [{k: v} for k, v in chains.items()]},
        "litellm_settings": {"request_timeout": 30},
        "general_settings": {"master_key": "os.environ/KEY"},
    }
    write(folder / "gateway.yaml", gateway)
    write(folder / "providers.yaml", {"providers": providers})
    write(folder / "mappings.yaml", {"models": models, "fallbacks": chains})
    config = {"gateway": "gateway.yaml", "providers": "providers.yaml", "mappings": "mappings.yaml"}
    rules = {"exposed": True, "client_timeout_s": 100_000, "set_elsewhere": ["KEY", "LITELLM_CORS_ORIGINS"]}
    return target(folder, {**config, "rules": rules})


def large_manifests(folder: Path) -> Path:
    """A target with a folder of manifests of that many lines."""
    sample = (ROOT / "fixtures" / "deployments" / "kind-a" / "k8s" / "chatbot.yaml").read_text(encoding="utf-8")
    (folder / "k8s").mkdir()
    copies = LINES // sample.count("\n") + 1
    for first in range(0, copies, 50):
        texts = [sample.replace("chatbot", f"chatbot-{i}") for i in range(first, min(first + 50, copies))]
        (folder / "k8s" / f"{first:05}.yaml").write_text("---\n".join(texts), encoding="utf-8")
    return target(folder, {"manifests": ["k8s"], "rules": {"kubernetes": {"version": "1.34"}}})


def target(folder: Path, config: dict[str, Any]) -> Path:
    """Write a target file."""
    write(folder / "target.yaml", {"name": "bench", "environment": "staging", "config": config})
    return folder / "target.yaml"


def write(path: Path, value: object) -> None:
    """Write YAML as people do: block style."""
    path.write_text(yaml.safe_dump(value, sort_keys=False), encoding="utf-8")


def checks_s(target_file: Path, folder: Path) -> float:
    """Seconds that the config suite's checks took together, reading included."""
    run_pytest(f"--target={target_file}", f"--report-dir={folder}/runs", "--stage=ci", "-m", "static", "suites/config")
    verdict = json.loads(max(folder.glob("runs/2*/verdict.json")).read_text(encoding="utf-8"))
    ran = [check for check in verdict["checks"] if check["outcome"] != "skip"]
    assert {check["outcome"] for check in ran} <= {"pass", "warn"}, ran
    return sum(float(check["duration_ms"]) for check in ran) / 1000


def digest_speed(folder: Path) -> list[float]:
    """Our speed as a multiple of sha256sum's, in alternating runs over one file."""
    path = folder / "model.gguf"
    block = os.urandom(1 << 20)
    with path.open("wb") as file:
        for _ in range(DIGEST_BYTES >> 20):
            file.write(block)
    told: list[str] = []
    ratios = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        line = subprocess.run(["sha256sum", str(path)], capture_output=True, text=True, check=True).stdout
        theirs = time.perf_counter() - began
        os.utime(path)  # else the digest is remembered
        began = time.perf_counter()
        digest, _size = Files(ProbeContext(lambda _: None, Redactor(), progress=told.append), folder).digest(path)
        ours = time.perf_counter() - began
        assert line.startswith(digest), hashlib.sha256
        ratios.append(theirs / ours)
    assert told
    return ratios


def main() -> None:
    """Measure everything."""
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            seconds = checks_s(large_gateway(folder), folder)
            row(f"rows D, {MODELS} models, {PROVIDERS} providers, {LINKS} links", f"{seconds:.2f} s", "≤ 1 s")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            seconds = checks_s(large_manifests(folder), folder)
            row(f"{LINES} lines of manifests", f"{seconds:.2f} s", "≤ 10 s")
    with tempfile.TemporaryDirectory() as name:
        ratios = digest_speed(Path(name))
        shown = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        row("SHA256 against sha256sum", f"median {statistics.median(ratios):.2f} ({shown})", "≥ 0.8")


if __name__ == "__main__":
    main()
