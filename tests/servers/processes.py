"""The real servers as processes that end with the block that started them."""

import hashlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import yaml

from embedded.ports import free_port
from embedded.tiny_gguf import cached_tiny_gguf
from gonogo.resources import ROOT
from tests.calibration.servers import PLAIN

READY_S = 120.0
_TEMPLATE = """{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""
_PARAMETERS = {"num_ctx": 4096, "num_thread": 1, "stop": ["<|im_end|>"]}
"""One thread: with more, the runner's threads spin against each other on a small machine (measured: 100 times slower)."""


@contextmanager
def running(command: Sequence[str], environment: Mapping[str, str], ready_url: str, log: Path) -> Iterator[None]:
    """A server that answers at its URL, inside the block."""
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "embedded.guard", *command],
            cwd=ROOT, env=dict(environment), stdout=output, stderr=output,
        )  # fmt: skip
    try:
        _await(process, ready_url, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while True:
        try:
            if PLAIN.get(url, timeout=5).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{url} does not answer:\n{log.read_text(encoding='utf-8')[-4000:]}")
        time.sleep(0.1)


@contextmanager
def ollama_running(binary: Path, folder: Path) -> Iterator[str]:
    """A real Ollama with a tiny chat model and the same one for embeddings; its URL."""
    url = f"http://127.0.0.1:{free_port()}"
    (folder / "tmp").mkdir(parents=True)
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder / "tmp"), "PYTHONPATH": str(ROOT),
        "OLLAMA_HOST": url.removeprefix("http://"), "OLLAMA_MODELS": str(folder / "models"),
        "OLLAMA_NO_CLOUD": "1",  # else it asks ollama.com at its start
        "OLLAMA_NOPRUNE": "1", "OLLAMA_KEEP_ALIVE": "-1", "OLLAMA_NUM_PARALLEL": "2", "OLLAMA_CONTEXT_LENGTH": "4096",
        "OLLAMA_LIBRARY_PATH": str(folder / "none"), "CUDA_VISIBLE_DEVICES": "-1",
    }  # fmt: skip
    with running([str(binary), "serve"], environment, url, folder / "ollama.log"):
        weights = cached_tiny_gguf(2).read_bytes()
        digest = f"sha256:{hashlib.sha256(weights).hexdigest()}"
        httpx.post(f"{url}/api/blobs/{digest}", content=weights, timeout=60).raise_for_status()
        for name in ("tiny", "tiny-embed"):
            model = {"model": name, "files": {"tiny.gguf": digest}, "template": _TEMPLATE, "parameters": _PARAMETERS}
            httpx.post(f"{url}/api/create", json={**model, "stream": False}, timeout=60).raise_for_status()
        httpx.post(f"{url}/api/generate", json={"model": "tiny"}, timeout=60).raise_for_status()
        yield url


@contextmanager
def llamacpp_running(folder: Path) -> Iterator[str]:
    """A real llama.cpp server; its URL."""
    port = free_port()
    command = [sys.executable, "-m", "embedded.llamacpp", "--model", str(cached_tiny_gguf(2)), "--alias", "tiny-chat"]
    url = f"http://127.0.0.1:{port}"
    with running([*command, "--port", str(port)], os.environ, f"{url}/health", folder / "llamacpp.log"):
        yield url


@contextmanager
def recorded(upstream: str, folder: Path, name: str) -> Iterator[str]:
    """A recording pass-through before a server that tells nobody what arrives; its URL."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "embedded.passthrough", "--upstream", upstream, "--port", str(port)]
    with running(command, os.environ, f"{url}/control/counters", folder / f"{name}-passthrough.log"):
        yield url


@contextmanager
def litellm_running(
    folder: Path, llamacpp_url: str, ollama_url: str, doors: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """A real LiteLLM in front of both, and a chain through their doors; its URL and its key."""
    key, port = f"sk-{secrets.token_hex(16)}", free_port()
    patience = {"timeout": 4, "stream_timeout": 4}
    models = {
        "from-llamacpp": {"model": "openai/tiny-chat", "api_base": f"{llamacpp_url}/v1", "api_key": "none"},
        "from-ollama": {"model": "ollama_chat/tiny", "api_base": doors["REAL_OLLAMA_DOOR"], **patience},
        "chained": {
            "model": "openai/tiny-chat",
            "api_base": f"{doors['REAL_LLAMACPP_DOOR']}/v1",
            "api_key": "none",
            **patience,
        },
        "embed-ollama": {"model": "ollama/tiny-embed", "api_base": ollama_url},
    }
    config = {
        "model_list": [{"model_name": name, "litellm_params": parameters} for name, parameters in models.items()],
        "general_settings": {"master_key": "os.environ/REAL_LITELLM_KEY"},
        "litellm_settings": {"num_retries": 0},
        "router_settings": {
            "num_retries": 0,
            "allowed_fails": 100,
            "fallbacks": [{"chained": ["from-ollama"]}],
        },
    }
    file = folder / "litellm.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "REAL_LITELLM_KEY": key, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False",
    }  # fmt: skip
    command = [sys.executable, "-m", "embedded.litellm_server", "--config", str(file), "--host", "127.0.0.1"]
    url = f"http://127.0.0.1:{port}"
    arguments = [*command, "--port", str(port), "--telemetry", "False"]
    with running(arguments, environment, f"{url}/health/liveliness", folder / "litellm.log"):
        yield url, key


@contextmanager
def all_running(binary: Path, folder: Path) -> Iterator[dict[str, str]]:
    """All three; the variables of ``real.yaml``."""
    with ExitStack() as stack:
        ollama_url = stack.enter_context(ollama_running(binary, folder / "ollama"))
        llamacpp_url = stack.enter_context(llamacpp_running(folder))
        doors = {
            "REAL_OLLAMA_DOOR": stack.enter_context(recorded(ollama_url, folder, "ollama")),
            "REAL_LLAMACPP_DOOR": stack.enter_context(recorded(llamacpp_url, folder, "llamacpp")),
        }
        litellm_url, key = stack.enter_context(litellm_running(folder, llamacpp_url, ollama_url, doors))
        variables = {"REAL_OLLAMA_URL": ollama_url, "REAL_LLAMACPP_URL": llamacpp_url, "REAL_LITELLM_URL": litellm_url}
        (folder / "variables.json").write_text(json.dumps(variables), encoding="utf-8")
        yield {**variables, **doors, "REAL_LITELLM_KEY": key}
