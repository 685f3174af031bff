"""The suite cluster on a namespace of 50 workloads and 500 pods: ``uv run python -m bench.cluster``."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from gonogo.resources import ROOT
from tests.cluster.control_plane import CONTEXT, ControlPlane, apply
from tests.cluster.namespace import await_object

WORKLOADS, PODS = 50, 10
SPACE = "large"


def deployment(name: str) -> dict[str, Any]:
    """A Deployment whose pods kwok makes ready."""
    pod = {"tolerations": [{"key": "kwok", "operator": "Exists"}], "nodeSelector": {"type": "kwok"},
           "containers": [{"name": "app", "image": "app:1"}]}  # fmt: skip
    labels = {"app": name}
    spec = {
        "replicas": PODS,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": SPACE}, "spec": spec}


def main() -> None:
    """Build the namespace, run the suite three times, print the seconds."""
    with tempfile.TemporaryDirectory() as folder, ControlPlane.built(Path(folder) / "plane") as plane:
        names = [f"app-{i}" for i in range(WORKLOADS)]
        with plane.client() as client:
            apply(client, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})
            await_object(client, f"/api/v1/namespaces/{SPACE}/serviceaccounts/default", lambda _: True)
            for name in names:
                apply(client, deployment(name))
            for name in names:
                path = f"/apis/apps/v1/namespaces/{SPACE}/deployments/{name}"
                await_object(client, path, lambda item: item["status"].get("readyReplicas") == PODS)
        cluster = {"context": CONTEXT, "namespace": SPACE, "kubeconfig": str(plane.kubeconfig),
                   "workloads": [{"workload": f"deployment/{name}", "min_ready": PODS} for name in names]}  # fmt: skip
        target = Path(folder) / "target.yaml"
        target.write_text(json.dumps({"name": "large", "environment": "staging", "cluster": cluster}), encoding="utf-8")
        for _ in range(3):
            began = time.monotonic()
            words = [
                sys.executable,
                "-m",
                "pytest",
                f"--target={target}",
                f"--report-dir={folder}/runs",
                "--stage=ci",
                "suites/cluster",
            ]
            done = subprocess.run(words, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
            told = done.stdout.strip().splitlines()[-1].strip("= ")
            print(f"{WORKLOADS} workloads, {WORKLOADS * PODS} pods: {time.monotonic() - began:.1f} s ({told})")


if __name__ == "__main__":
    main()
