"""Other load generators on the truth server, each as its documentation says."""

import csv
import json
import os
import string
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from gonogo.resources import ROOT


@dataclass
class Found:
    """What a tool told, and what it cost."""

    figures: dict[str, float] = field(default_factory=dict)
    ttft_ms: dict[str, float] = field(default_factory=dict)
    """Its own percentiles, ``p50`` and ``p99``."""

    def with_cost(self, requests: float, cpu_s: float, mib: float, beyond_s: float) -> "Found":
        """With what so many requests have cost, of 50 chunks each; start-up included."""
        self.figures["µs CPU a chunk"] = cpu_s / max(1.0, requests * 50) * 1e6
        self.figures["MiB"] = mib
        self.figures["s start to report, beyond the load"] = beyond_s
        return self


def _measured(words: list[str], folder: Path) -> tuple[float, float, float]:
    """Run a command on the first core; its seconds of CPU and its MiB, all processes counted, and how long it took."""
    began, cpu_s, most_mib = time.monotonic(), 0.0, 0.0
    with (folder / "output.txt").open("wb") as output:
        process = psutil.Popen(
            ["taskset", "-c", "0", *words], env=dict(os.environ), stdout=output, stderr=output, cwd=folder
        )
        seen: dict[int, float] = {}
        while process.poll() is None:
            mib = 0.0
            for one in (process, *_children(process)):
                try:
                    times = one.cpu_times()
                    seen[one.pid] = times.user + times.system
                    mib += one.memory_info().rss / 2**20
                except psutil.Error:
                    continue
            most_mib, cpu_s = max(most_mib, mib), sum(seen.values())
            time.sleep(0.2)
    return cpu_s, most_mib, time.monotonic() - began


def _children(process: psutil.Popen) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def plain_locust(url: str, folder: Path, rate: float, seconds: float) -> Found:
    """A closed-model Locust script, as most people write one: the first line of any kind is the first token."""
    folder.mkdir()
    # as many users as that rate keeps busy; it cannot be told a rate
    users = max(1, round(rate * 1.1))
    words = [sys.executable, "-m", "locust", "-f", str(ROOT / "bench" / "load" / "plain_locustfile.py"), "--headless"]
    words += ["--host", url, "-u", str(users), "-r", str(users), "-t", f"{seconds:g}s", "--csv", str(folder / "run")]
    cpu_s, mib, took_s = _measured(words, folder)
    rows = {item["Name"]: item for item in csv.DictReader((folder / "run_stats.csv").open(encoding="utf-8"))}
    found = Found(ttft_ms={"p50": float(rows["ttft"]["50%"]), "p99": float(rows["ttft"]["99%"])})
    return found.with_cost(float(rows["ttft"]["Request Count"]), cpu_s, mib, took_s - seconds)


def _tokenizer(folder: Path) -> Path:
    """A tokenizer that splits at spaces: those that AIPerf knows by name come from the net."""
    made = folder / "tokenizer"
    made.mkdir()
    words = {word: i for i, word in enumerate(["[UNK]", *string.ascii_lowercase, *map(str, range(1000))])}
    whole = {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"},
    }
    (made / "tokenizer.json").write_text(json.dumps(whole), encoding="utf-8")
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]", "bos_token": "[UNK]"}
    settings |= {"eos_token": "[UNK]"}
    (made / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (made / "config.json").write_text(json.dumps({"model_type": "gpt2"}), encoding="utf-8")
    return made


def aiperf(url: str, folder: Path, rate: float, seconds: float) -> Found:
    """NVIDIA's AIPerf, in an environment of its own (uvx; about 1 GB at the first time)."""
    folder.mkdir()
    words = ["uvx", "--from", "aiperf==0.13.0", "aiperf", "profile", "--model", "truth", "--url", url, "--streaming"]
    words += ["--endpoint-type", "chat", "--request-rate", f"{rate:g}", "--benchmark-duration", f"{seconds:g}"]
    words += ["--tokenizer", str(_tokenizer(folder)), "--artifact-dir", str(folder), "--ui", "none"]
    cpu_s, mib, took_s = _measured(words, folder)
    files = list(folder.rglob("profile_export_aiperf.json"))
    if not files:
        sys.exit(f"aiperf left no report:\n{(folder / 'output.txt').read_text(encoding='utf-8')[-2000:]}")
    told = json.loads(files[0].read_text(encoding="utf-8"))
    ttft = told["time_to_first_token"]
    found = Found(ttft_ms={"p50": float(ttft["p50"]), "p99": float(ttft["p99"])})
    return found.with_cost(float(told["request_count"]["avg"]), cpu_s, mib, took_s - seconds)


def guidellm(url: str, folder: Path, rate: float, seconds: float) -> Found:
    """GuideLLM (vLLM project), in an environment of its own (uvx; about 5 GB at the first time)."""
    folder.mkdir()
    prompts = [f"Tell me something about cars. [{i}]" for i in range(int(rate * seconds * 1.5) + 10)]
    (folder / "prompts.csv").write_text("\n".join(["prompt", *prompts]) + "\n", encoding="utf-8")
    words = ["uvx", "--from", "guidellm==0.8.1", "guidellm", "run", "--disable-console"]
    words += ["--backend", f"kind=openai_http,target={url},model=truth,validate_backend=false"]
    words += ["--profile", f"kind=poisson,rate={rate:g}", "--constraint", f"kind=max_duration,seconds={seconds:g}"]
    words += ["--data", "kind=csv_file,path=prompts.csv", "--output", "kind=json,path=report.json"]
    cpu_s, mib, took_s = _measured(words, folder)
    report = folder / "report.json"
    if not report.is_file():
        sys.exit(f"guidellm left no report:\n{(folder / 'output.txt').read_text(encoding='utf-8')[-2000:]}")
    told = json.loads(report.read_text(encoding="utf-8"))["benchmarks"][0]["metrics"]
    ttft, made = told["time_to_first_token_ms"]["successful"]["percentiles"], told["request_totals"]["successful"]
    found = Found(ttft_ms={"p50": float(ttft["p50"]), "p99": float(ttft["p99"])})
    return found.with_cost(float(made), cpu_s, mib, took_s - seconds)


TOOLS: dict[str, Callable[[str, Path, float, float], Found]] = {
    "locust": plain_locust,
    "aiperf": aiperf,
    "guidellm": guidellm,
}
