"""Other load generators on the truth server, each as its documentation says."""

import csv
import os
import subprocess
import sys
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


def plain_locust(url: str, folder: Path, rate: float, seconds: float) -> Found:
    """A closed-model Locust script, as most people write one: the first chunk of any kind is the first token."""
    folder.mkdir()
    # as many users as that rate keeps busy; it cannot be told a rate
    users = max(1, round(rate * 1.1))
    words = [sys.executable, "-m", "locust", "-f", str(ROOT / "bench" / "load" / "plain_locustfile.py"), "--headless"]
    words += ["--host", url, "-u", str(users), "-r", str(users), "-t", f"{seconds:g}s", "--csv", str(folder / "run")]
    process = psutil.Popen(
        ["taskset", "-c", "0", *words], env=dict(os.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    before = process.cpu_times()
    cpu_s = 0.0
    while process.poll() is None:
        times = process.cpu_times()
        cpu_s = times.user + times.system - before.user - before.system
        try:
            process.wait(timeout=0.5)
        except psutil.TimeoutExpired:
            continue
    rows = {item["Name"]: item for item in csv.DictReader((folder / "run_stats.csv").open(encoding="utf-8"))}
    requests = float(rows["ttft"]["Request Count"])
    found = Found(ttft_ms={"p50": float(rows["ttft"]["50%"]), "p99": float(rows["ttft"]["99%"])})
    found.figures["µs CPU a chunk"] = cpu_s / max(1.0, requests * 50) * 1e6
    return found


TOOLS: dict[str, Callable[[str, Path, float, float], Found]] = {"locust": plain_locust}
