"""The figures of issue 2: ``uv run python -m bench.figures``. Prints a table; machines are shared and noisy.

* default run: wall time of ``pytest`` on the embedded deployment, and the embedded deployment's own start-up;
* files only: wall time of ``--stage ci`` on a target that declares files only;
* overhead: what the plugin adds to each check, as the difference between the same functions as checks behind a gate and
  as ordinary tests, in alternating runs.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gonogo.fixtures.embedded import ROOT

CHECKS = 400
REPEATS = 3
_CHECK = '''
@check("config.a.c{n}", severity="minor", covers=["D1"], permission="static")
def test_{n}():
    """Nothing to do."""
'''
_TEST = '''
def test_{n}():
    """Nothing to do."""
'''


def run_pytest(*arguments: str, cwd: Path = ROOT) -> tuple[float, str]:
    """Wall time in seconds and what was printed."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=cwd,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"the run did not end well:\n{done.stdout}")
    return time.perf_counter() - began, done.stdout


def default_run() -> None:
    """The README's first command."""
    for _ in range(REPEATS):
        seconds, output = run_pytest()
        ready = max(map(float, re.findall(r"ready after ([0-9.]+) s", output)))
        row("default run", f"{seconds:.1f} s, of which start-up {ready:.1f} s", "≤ 60 s, start-up ≤ 20 s")


def files_only(folder: Path) -> None:
    """``--stage ci`` on the embedded deployment's files, copied while nothing runs."""
    from embedded.layout import lay_out  # noqa: PLC0415 (the files of a deployment that is never started)

    keys = sorted(lay_out(folder / "state").keys)
    text = "name: files\nenvironment: staging\nartifacts: {registry: state/artifacts/registry.json}\nconfig:\n"
    text += "".join(
        f"  {key}: state/config/{name}.yaml\n"
        for key, name in (("gateway", "gateway"), ("providers", "providers"), ("mappings", "model-mappings"))
    )
    text += f"  environment_files: [state/config/gateway.env]\n  rules: {{set_elsewhere: {json.dumps(keys)}}}\n"
    (folder / "files.yaml").write_text(text, encoding="utf-8")
    for _ in range(REPEATS):
        seconds, _ = run_pytest(  # the copy of a model that the registry names lies on a server, which is not there
            f"--target={folder}/files.yaml", "--stage=ci", f"--report-dir={folder}", "suites", "-k=not model_remote"
        )
        row("--stage ci, files only", f"{seconds:.1f} s", "≤ 5 s")


def overhead(folder: Path) -> None:
    """Checks behind a gate against ordinary tests."""
    (folder / "target.yaml").write_text("name: o\nenvironment: staging\nconfig: {gateway: g.yaml}\n", encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -p no:locust -p no:valkey -p no:cacheprovider\n", "utf-8")
    head = "from gonogo.plugin import check\n"
    checks, tests = folder / "test_checks.py", folder / "test_tests.py"
    checks.write_text(head + "".join(_CHECK.format(n=n) for n in range(CHECKS)), encoding="utf-8")
    tests.write_text(head + "".join(_TEST.format(n=n) for n in range(CHECKS)), encoding="utf-8")
    differences = []
    for _ in range(REPEATS):
        behind_gate, _ = run_pytest("--target=target.yaml", checks.name, "-q", cwd=folder)
        plain, _ = run_pytest(tests.name, "-q", cwd=folder)
        differences.append((behind_gate - plain) * 1000 / CHECKS)
    shown = ", ".join(f"{difference:.2f}" for difference in sorted(differences))
    row("plugin's overhead a check", f"median {statistics.median(differences):.2f} ms ({shown})", "≤ 5 ms")


def row(what: str, measured: str, wanted: str) -> None:
    """A line of the table."""
    print(f"| {what} | {measured} | {wanted} |", flush=True)


def main() -> None:
    """Measure everything."""
    print("| what | measured | wanted |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="gonogo-bench-") as name:
        folder = Path(name)
        (folder / "own").mkdir()
        files_only(folder)
        overhead(folder / "own")
    default_run()


if __name__ == "__main__":
    main()
