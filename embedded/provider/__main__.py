"""Run one scripted provider."""

import argparse
import os
from pathlib import Path

import uvicorn

from embedded.provider.app import build_app
from embedded.provider.setup import CONTEXT_TOKENS, Setup
from embedded.spanish import classifier


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m embedded.provider", description=__doc__)
    parser.add_argument("--dialect", choices=("vllm", "ollama", "hosted"), required=True)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--chat-model", action="append", default=[], help="a chat model to serve (repeatable)")
    parser.add_argument("--embedding-model", action="append", default=[], help="an embedding model to serve")
    parser.add_argument("--key-env", help="environment variable with the key that callers must send")
    parser.add_argument("--limited", action="append", default=[], metavar="MODEL=RPM", help="a model's rate limit")
    parser.add_argument("--limit-window-s", type=float, default=60.0, help="what counts as a minute (%(default)s)")
    parser.add_argument("--loading-s", type=float, default=0.0, help="seconds of 503 after the start")
    parser.add_argument("--version", default="", help="the version of the model, as /health tells it")
    parser.add_argument("--sticky", type=Path, help="a file that keeps deviations over a restart")
    parser.add_argument("--first-token-ms", type=float, default=20.0)
    parser.add_argument("--token-ms", type=float, default=4.0)
    parser.add_argument("--context-tokens", type=int, default=CONTEXT_TOKENS, help="the context window (%(default)s)")
    parser.add_argument("--requests-per-minute", type=int, default=6000, help="hosted: the rate limit")
    parser.add_argument("--depot", type=Path, help="a folder of objects, images and documents to serve")
    parser.add_argument("--collector", default="", help="base URL of an OTLP collector for traces")
    options = parser.parse_args()
    limited = dict(pair.split("=", 1) for pair in options.limited)
    setup = Setup(
        options.dialect,
        frozenset([*options.chat_model, *limited]),
        frozenset(options.embedding_model),
        os.environ[options.key_env] if options.key_env else None,
        loading_s=options.loading_s,
        first_token_ms=options.first_token_ms,
        token_ms=options.token_ms,
        context_tokens=options.context_tokens,
        requests_per_minute=options.requests_per_minute,
        limited={model: int(rpm) for model, rpm in limited.items()},
        limit_window_s=options.limit_window_s,
        depot=options.depot,
        version=options.version,
        sticky=options.sticky,
        collector=options.collector,
    )
    classifier()
    uvicorn.run(
        build_app(setup), host=options.host, port=options.port, log_level="warning", timeout_graceful_shutdown=2
    )


if __name__ == "__main__":
    main()
