"""How true and how cheap the load generator's numbers are: ``uv run python -m bench.load``.

A truth server (`truth/main.go`) streams at a schedule of its own and notes when each request arrived and when each
chunk was written. The generator runs on one core (`taskset`), the server on the others. Compared are, request by
request, the generator's time to first token and its largest gap with the server's own.

Other generators on the same server, in the same run: ``--with locust`` (a plain script, as most people write one),
``--with aiperf``, ``--with guidellm``. They do not tell single requests by our numbers, so that their percentiles are
compared with the server's. ``--processes 2`` has ours run on several cores, which the server then shares.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from bench.load import others
from gonogo.resources import ROOT

HERE = Path(__file__).parent
RATES = (50, 100, 200, 400)
TARGET = """\
name: truth
environment: development
gateway: {{kind: openai, url: "{url}", models: [{{name: truth}}]}}
load:
  profile: profile.yaml
  model: truth
  objectives: {{latency_ms: {{p50: {{warn_above: 60000, fail_above: 60000}}}}}}
"""
PROFILE = """\
arrivals: poisson
stages: [{{seconds: {seconds}, rate_per_s: {rate}}}]
warm_up_s: {warm_up}
timeout_s: 30
mix: [{{prompts: ["Tell me something about cars."], max_tokens: 50}}]
"""


def built_truth(folder: Path) -> Path:
    """The truth server, from its source; a few seconds."""
    if shutil.which("go") is None:
        sys.exit("the truth server cannot be built: no go on PATH")
    subprocess.run(["go", "build", "-o", str(folder / "truth"), "."], cwd=HERE / "truth", check=True)
    return folder / "truth"


@contextmanager
def truth(program: Path, *arguments: str) -> Iterator[str]:
    """The running server's address."""
    words = [*_on_cores(range(1, os.cpu_count() or 1)), str(program), *arguments]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield f"http://{process.stdout.readline().strip()}"
    finally:
        process.stdin.close()
        process.wait(timeout=10)
        process.stdout.close()


def records_of(url: str) -> list[dict[str, Any]]:
    """What really happened since the last call."""
    text = httpx.get(f"{url}/records", timeout=60).text
    return [json.loads(line) for line in text.splitlines()]


def _on_cores(cores: Sequence[int]) -> list[str]:
    return ["taskset", "-c", ",".join(map(str, cores))] if cores and shutil.which("taskset") else []


def percentile(values: Sequence[float], share: float) -> float:
    """Of values in any order; not a number where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def ours(url: str, folder: Path, rate: float, seconds: float, processes: int = 1) -> dict[str, float]:
    """Our generator at a rate; on the first core, or with several processes on all of them."""
    folder.mkdir()
    (folder / "target.yaml").write_text(TARGET.format(url=url), encoding="utf-8")
    profile = PROFILE.format(seconds=seconds, rate=rate, warm_up=min(2.0, seconds / 5))
    (folder / "profile.yaml").write_text(profile, encoding="utf-8")
    names = {
        "GONOGO_TARGET": "target.yaml",
        "GONOGO_LOAD_RECORD": "record.json",
        "GONOGO_LOAD_ATTEMPTS": "attempts.jsonl",
    }
    environment = {**os.environ, "PYTHONPATH": str(ROOT)} | {key: str(folder / name) for key, name in names.items()}
    words = [sys.executable, "-m", "locust", "-f", str(ROOT / "load" / "locustfile.py"), "--headless", "--only-summary"]
    words += ["--processes", str(processes)] if processes > 1 else []
    began = time.monotonic()
    process = psutil.Popen(
        [*_on_cores([0] if processes == 1 else []), *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    most_mib = _most_mib(process)
    took_s = time.monotonic() - began
    told = process.stderr.read().decode()
    process.stderr.close()
    if not (folder / "record.json").is_file():
        sys.exit(f"the generator left no record:\n{told}")
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    logs = folder.glob("attempts*.jsonl")
    attempts = [json.loads(line) for log in logs for line in log.read_text(encoding="utf-8").splitlines()]
    last_s = max(attempt["ended_s"] for attempt in attempts)
    figures = _compared(record, attempts, records_of(url), processes)
    return {**figures, "MiB": most_mib, "s start to report, beyond the load": took_s - last_s}


def _most_mib(process: psutil.Popen) -> float:
    """The most memory that a process and its children have taken, until it ended."""
    most_mib = 0.0
    while process.poll() is None:
        try:
            several = [process, *process.children()]
            most_mib = max(most_mib, sum(one.memory_info().rss for one in several) / 2**20)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.2)
    return most_mib


def _compared(
    record: dict[str, Any], attempts: Sequence[dict[str, Any]], served: Sequence[dict[str, Any]], processes: int
) -> dict[str, float]:
    """What the generator measured against what the server knows of the same requests."""
    real = {item["id"].rpartition("-")[2]: item for item in served}
    errors, gaps = [], []
    for attempt in attempts:
        seen = real.get(str(attempt["position"]))
        if seen is None or attempt["failure"]:
            continue
        errors.append(attempt["ttft_ms"] - attempt["late_ms"] - (seen["first_ns"] - seen["arrived_ns"]) / 1e6)
        gaps.append(attempt["max_gap_ms"] - seen["max_gap_ns"] / 1e6)
    chunks = sum(item["chunks"] for item in real.values())
    cpu_s = record["generator"]["cpu_share"] * record["seconds"] * processes  # of the busiest
    return {
        "achieved": len(errors) / max(1, record["generator"]["intended"]),
        "ttft error p50": percentile(errors, 0.5),
        "ttft error p99": percentile([abs(error) for error in errors], 0.99),
        "gap error p99": percentile([abs(error) for error in gaps], 0.99),
        "send lateness p99": record["generator"]["lateness_p99_ms"],
        "µs CPU a chunk": cpu_s / max(1, chunks) * 1e6,
        "ms CPU a request": cpu_s / max(1, len(attempts)) * 1e3,
    }


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="of load at each rate (15)")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES)
    parser.add_argument("--processes", type=int, default=1, help="of ours (1)")
    parser.add_argument("--with", dest="others", action="append", default=[], choices=sorted(others.TOOLS))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gonogo-bench-") as name:
        folder = Path(name)
        program = built_truth(folder)
        with truth(program) as url:
            for i, rate in enumerate(given.rates):
                row(f"gonogo, {rate:g} req/s", ours(url, folder / f"ours-{i}", rate, given.seconds, given.processes))
                for tool in given.others:
                    found = others.TOOLS[tool](url, folder / f"{tool}-{i}", rate, given.seconds)
                    real = records_of(url)
                    ttft_ms = [(item["first_ns"] - item["arrived_ns"]) / 1e6 for item in real]
                    if found.ttft_ms and ttft_ms:
                        found.figures["ttft error p50"] = found.ttft_ms["p50"] - statistics.median(ttft_ms)
                        found.figures["ttft error p99"] = found.ttft_ms["p99"] - percentile(ttft_ms, 0.99)
                    found.figures["achieved"] = len(real) / max(1.0, rate * given.seconds)
                    row(f"{tool}, {rate:g} req/s", found.figures)


def row(name: str, figures: dict[str, float]) -> None:
    """A line of the table."""
    print(f"{name}: " + ", ".join(f"{key} {value:.2f}" for key, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
